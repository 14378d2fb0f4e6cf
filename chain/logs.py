"""Logs of the three contracts as a node gives them: each event with its place on the chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from web3 import Web3

from chain.blocks import Block, block_of, raw_block
from chain.clients.base import record_of
from chain.errors import BadEvidence
from chain.events import ContractName, Event, EventRecord
from chain.light_dataclass import light_dataclass

#: Blocks that one eth_getLogs covers: hosted nodes commonly refuse more than 10,000.
LOG_SPAN = 5_000


@light_dataclass(frozen=True)
class Log:
    """One event and where it stands: its 32-byte block and transaction hashes, its index among all
    logs of the block.
    """

    record: EventRecord
    block: Block
    tx_hash: bytes
    log_index: int


def read_logs(
    w3: Web3,
    addresses: Mapping[str, ContractName],
    first: int,
    last: int,
    study_ids: Iterable[int] | None = None,
    kind: type[Event] | None = None,
) -> Iterator[Log]:
    """Every event of the contracts in blocks `first` to `last`, in log order, span by span.

    Headers are asked of blocks that hold an event alone, once each, and only of a node that does
    not give a log's time with it.

    Args:
        addresses: name of each contract by its checksummed address.
        study_ids: the studies wanted, 0 for the whole registry's events; None means all.
        kind: the only kind of event wanted; None means all.

    Raises:
        BadEvidence: the node contradicts itself about a block.
        chain.errors.ChainError
    """
    topics: list[list[str] | None] = [None if kind is None else ["0x" + kind.topic0().hex()]]
    if study_ids is not None:
        topics += [sorted({"0x" + study_id.to_bytes(32).hex() for study_id in study_ids})]
    for start in range(first, last + 1, LOG_SPAN):
        asked = {
            "address": sorted(addresses),
            "topics": topics,
            "fromBlock": hex(start),
            "toBlock": hex(min(start + LOG_SPAN - 1, last)),
        }
        raw = w3.provider.make_request("eth_getLogs", [asked])["result"]  # type: ignore[arg-type]
        yield from _in_order(w3, addresses, raw)


def _in_order(
    w3: Web3, addresses: Mapping[str, ContractName], raw: Iterable[Mapping[str, Any]]
) -> list[Log]:
    blocks: dict[int, Block] = {}
    found: list[Log] = []
    for log in raw:
        number, block_hash = int(log["blockNumber"], 16), bytes.fromhex(log["blockHash"][2:])
        if number not in blocks:
            time = log.get("blockTimestamp")
            blocks[number] = (
                block_of(raw_block(w3, number))
                if time is None
                else Block(number, block_hash, int(time, 16))
            )
        if blocks[number].hash != block_hash:
            raise BadEvidence(f"The node gives an event of another block {number}.")
        record = record_of(log, addresses, blocks[number])
        if record is not None:
            tx_hash = bytes.fromhex(log["transactionHash"][2:])
            found.append(Log(record, blocks[number], tx_hash, int(log["logIndex"], 16)))
    return sorted(found, key=lambda one: (one.block.number, one.log_index))
