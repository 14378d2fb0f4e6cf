"""Reads the chain's events into the database, and takes back what a reorganisation undid.

Every span of blocks is one transaction: the place reached moves with what was read, so a crash at
any line loses nothing and doubles nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from eth_utils.crypto import keccak
from sqlalchemy.orm import Session

from api.index import repository
from api.index.errors import OtherDeployment, ReorganisationTooDeep
from api.index.values import values_of
from api.service import Service
from chain.blocks import Block
from chain.chain import Chain
from chain.deployment import Deployment
from chain.errors import BadEvidence, ChainBehind, WrongChain
from chain.events import CONTRACT_NAMES, Granted, Revoked, decode
from chain.logs import LOG_SPAN, Log

#: The first sync leaves a block this far below the head, to which any later undoing can return.
_NEAR_HEAD = 256
#: Blocks that may be undone. Twice what a contract can name (EVM: the last 256 block hashes).
DEEPEST = 2 * _NEAR_HEAD
_ATTEMPTS = 5
_log = structlog.get_logger("api.index")


class Indexer:
    """One reader of the chain. Several may run: one at a time moves the index, no other is hurt."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def run_once(self) -> int:
        """Reads up to the chain's head as it is now; how many blocks were read.

        Raises:
            IndexRefused: the database is another deployment's, or too much was undone.
            WrongChain: the node's chain is not the deployment's (any more).
            chain.errors.ChainError, sqlalchemy.exc.SQLAlchemyError
        """
        chain = self._service.node.chain()
        reached = self._begin(chain)
        head = chain.head()
        read, failures = 0, 0
        while head.hash != reached.hash:
            following = (
                self._read_span(chain, reached, head) if head.number > reached.number else None
            )
            if following is not None:
                read += max(0, following.number - reached.number)
                reached = following
                continue
            failures += 1
            if failures > _ATTEMPTS:
                raise BadEvidence("The node gives another chain at each request.")
            reached = self._undo(chain)
            head = chain.head()
        return read

    def _begin(self, chain: Chain) -> Block:
        """Where the index stands."""
        deployment = self._service.node.deployment
        mark = _mark_of(deployment)
        with self._service.sessions() as database:
            database.connection(execution_options={"reads_only": True})
            found, newest = repository.deployment_of(database), repository.newest_block(database)
        if found is not None and found != mark:
            raise OtherDeployment
        if newest is not None:
            return newest
        base = chain.block(max(0, deployment.block_number - 1))
        with self._service.sessions.begin() as database:
            repository.begin(database, mark, base)
        return base

    def _read_span(self, chain: Chain, reached: Block, head: Block) -> Block | None:
        """Adds the next blocks; their last, or None when the chain is another than was read."""
        last = min(reached.number + LOG_SPAN, max(head.number - _NEAR_HEAD, reached.number))
        try:
            end = head if last == reached.number else chain.block(last)
            logs = list(chain.logs(reached.number + 1, end.number))
            # The end commits to all blocks before it. Asked in this order, both of them the same
            # as before means that nothing between them was of another chain.
            if chain.block(end.number).hash != end.hash:
                return None
            if chain.block(reached.number).hash != reached.hash:
                return None
        except ChainBehind:
            return None
        # Decoded before the transaction: while that lasts, nobody else writes to SQLite.
        span = _Span.of(logs, end)
        with self._service.sessions.begin() as database:
            sequence = repository.hold(database)
            if repository.newest_block(database) != reached:
                return repository.newest_block(database)
            span.add(database, sequence)
            repository.forget_empty_blocks(database, end.number - DEEPEST)
        _log.info("indexed", block=end.number, count=len(logs))
        return end

    def _undo(self, chain: Chain) -> Block:
        """Goes back to the newest block that is still the chain's, if any is not."""
        deployment = self._service.node.deployment
        genesis = chain.block(0).hash
        if genesis != deployment.genesis_hash:
            raise WrongChain("genesis block", deployment.genesis_hash.hex(), genesis.hex())
        with self._service.sessions.begin() as database:
            sequence = repository.hold(database)
            newest = repository.newest_block(database)
            assert newest is not None
            kept = repository.kept_blocks(database, newest.number - DEEPEST)
            # A chain's blocks are the same up to some point and none after it.
            standing = bisect_left(kept, True, key=lambda block: not _is_of(chain, block))
            if standing == 0:
                raise ReorganisationTooDeep(newest.number, DEEPEST)
            ancestor = kept[standing - 1]
            if ancestor == newest:
                return newest
            undone = repository.undo_after(database, ancestor.number, sequence) - sequence
        _log.warning("reorganised", block=ancestor.number, count=undone)
        return ancestor


def _mark_of(deployment: Deployment) -> bytes:
    names = [deployment.address(name) for name in CONTRACT_NAMES]
    return keccak(deployment.genesis_hash + b"".join(bytes.fromhex(name[2:]) for name in names))


def _is_of(chain: Chain, block: Block) -> bool:
    try:
        return chain.block(block.number).hash == block.hash
    except ChainBehind:
        return False


@dataclass(frozen=True)
class _Span:
    """Rows of a span of blocks; those of events have no sequence number yet."""

    blocks: list[Block]
    events: list[dict[str, Any]]
    tokens: list[dict[str, Any]]
    revocations: list[dict[str, Any]]

    @classmethod
    def of(cls, logs: Sequence[Log], end: Block) -> _Span:
        events: list[dict[str, Any]] = []
        tokens: dict[int, dict[str, Any]] = {}
        revocations: list[dict[str, Any]] = []
        blocks = {log.block.number: log.block for log in logs} | {end.number: end}
        for log in logs:
            event = decode(log.record)
            events.append(_row(log, type(event).__name__, values_of(event)))
            if isinstance(event, Granted):
                tokens[event.token_id] = _token(log, event)
            elif isinstance(event, Revoked):
                revocations.append(
                    {
                        "revoked_id": event.token_id,
                        "at_block": log.block.number,
                        "in_tx": log.tx_hash,
                    }
                )
        return cls(list(blocks.values()), events, list(tokens.values()), revocations)

    def add(self, database: Session, sequence: int) -> None:
        """Adds them, the events after a sequence number."""
        events = [
            {**event, "sequence": place} for place, event in enumerate(self.events, sequence + 1)
        ]
        last = sequence + len(events)
        repository.add(database, self.blocks, events, self.tokens, self.revocations, last)


def _token(log: Log, event: Granted) -> dict[str, Any]:
    return {
        "token_id": event.token_id,
        "study_id": event.study_id,
        "site": event.grant.site,
        "holder": event.grant.holder,
        "granted_block": log.block.number,
        "granted_tx": log.tx_hash,
        "revoked_block": None,
        "revoked_tx": None,
    }


def _row(log: Log, name: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "block_number": log.block.number,
        "log_index": log.log_index,
        "tx_hash": log.tx_hash,
        "contract": log.record.contract,
        "name": name,
        "topic0": log.record.topic0,
        "study_id": log.record.study_id,
        "data": log.record.data,
        "values": values,
    }
