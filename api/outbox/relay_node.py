"""What the relayer asks of the node: as few requests as possible, each with many questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from api.outbox.checking import Call, gas_of
from api.outbox.problems import ActTooCostly
from chain.blocks import Block, block_of
from chain.chain import Chain
from chain.errors import ChainError, ChainUnreachable
from chain.rpc import NodeProvider
from chain.transactions import Fees

#: A node that mines each transaction as it comes (Hardhat) lets others wait for the whole request:
#: those who ask it about an act that they accept, for a person.
_MOST_SENT = 20


@dataclass(frozen=True)
class View:
    """The newest block, the account's next nonce there, and what a transaction should pay."""

    head: Block
    nonce: int
    fees: Fees


@dataclass(frozen=True)
class Receipt:
    """Where a transaction was mined, whether it succeeded, and the node's raw logs."""

    tx_hash: bytes
    block: Block
    succeeded: bool
    logs: Sequence[dict[str, Any]]


class RelayNode:
    """One account's node. Everything raises ChainUnreachable when it is away."""

    def __init__(self, chain: Chain, account: str) -> None:
        provider = chain.w3.provider
        assert isinstance(provider, NodeProvider)
        self.chain, self._provider, self._account = chain, provider, account

    def look(self) -> View:
        """Raises ChainError."""
        block, nonce, tip = self._provider.make_all(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getTransactionCount", [self._account, "latest"]),
                ("eth_maxPriorityFeePerGas", []),
            ]
        )
        with self._reading("the newest block"):
            base_fee = int(block.get("baseFeePerGas", "0x0"), 16)
            return View(block_of(block), int(nonce, 16), Fees.suggested(base_fee, int(tip, 16)))

    def nonce_at(self, block_number: int) -> int:
        """The account's next nonce at a past block. Raises ChainError."""
        asked = [self._account, hex(max(0, block_number))]
        return self._number("eth_getTransactionCount", asked)

    def balance(self) -> int:
        """Wei. Raises ChainError."""
        return self._number("eth_getBalance", [self._account, "latest"])

    def receipts(self, hashes: Sequence[bytes]) -> dict[bytes, Receipt]:
        """The receipts of those that are mined. Raises ChainError."""
        asked = [("eth_getTransactionReceipt", ["0x" + one.hex()]) for one in hashes]
        answers = self._provider.make_all(asked)
        mined = {one: raw for one, raw in zip(hashes, answers, strict=True) if raw is not None}
        with self._reading("a receipt"):
            times = self._times(mined.values())
            # A block that is gone by now is looked for again, as if it had never been.
            return {
                one: _receipt(one, raw, times[raw["blockHash"]])
                for one, raw in mined.items()
                if raw["blockHash"] in times
            }

    def _number(self, method: str, asked: list[Any]) -> int:
        (answer,) = self._provider.make_all([(method, asked)])
        with self._reading(f"an answer to {method}"):
            return int(answer, 16)

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"it gives {what} that cannot be read"
            raise ChainUnreachable(self._provider.shown_url, reason) from error

    def _times(self, receipts: Iterable[dict[str, Any]]) -> dict[str, int]:
        """Chain times (s) of the blocks of receipts, by hash. Newer nodes tell them in the logs."""
        blocks: dict[str, str | None] = {}
        for one in receipts:
            told = next((log.get("blockTimestamp") for log in one["logs"]), None)
            blocks[one["blockHash"]] = told or blocks.get(one["blockHash"])
        asked = [block for block, told in blocks.items() if told is None]
        answers = self._provider.make_all([("eth_getBlockByHash", [one, False]) for one in asked])
        for block, answer in zip(asked, answers, strict=True):
            blocks[block] = None if answer is None else answer["timestamp"]
        return {block: int(told, 16) for block, told in blocks.items() if told is not None}

    def send(self, forms: Sequence[tuple[bytes, bytes]]) -> list[ChainError | None]:
        """Hands over (hash, raw) in order; None where the node has the transaction now."""
        asked = [("eth_sendRawTransaction", ["0x" + raw.hex()]) for _, raw in forms]
        answers = []
        for start in range(0, len(asked), _MOST_SENT):
            answers += self._provider.make_many(asked[start : start + _MOST_SENT])
        refused = [place for place, one in enumerate(answers) if isinstance(one, ChainError)]
        # Sent before, mined already, or (Hardhat) mined and reverted: of these it knows the hash.
        known = self._provider.make_many(
            [("eth_getTransactionByHash", ["0x" + forms[place][0].hex()]) for place in refused]
        )
        result: list[ChainError | None] = [None] * len(forms)
        for place, found in zip(refused, known, strict=True):
            if found is None or isinstance(found, ChainError):
                result[place] = answers[place]
        return result

    def estimate(self, calls: Sequence[Call]) -> list[int | ChainError | ActTooCostly]:
        """Gas of each call from the account on the newest block, or why it is refused."""
        return gas_of(self._provider, [call.parameters(self._account) for call in calls])


def _receipt(tx_hash: bytes, raw: dict[str, Any], timestamp: int) -> Receipt:
    block = Block(int(raw["blockNumber"], 16), bytes.fromhex(raw["blockHash"][2:]), timestamp)
    return Receipt(tx_hash, block, int(raw["status"], 16) == 1, raw["logs"])
