"""What became of transactions: mined, final, failed, or lost with the block that held them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session, sessionmaker

from api.clock import Clock
from api.outbox import relay_repository as repository
from api.outbox.checking import Call
from api.outbox.failing import failed
from api.outbox.problems import ActTooCostly
from api.outbox.relay_node import Receipt, RelayNode, View
from api.outbox.relay_repository import Account, Signed
from api.outbox.tables import OutboxAct
from chain.clients.base import record_of
from chain.errors import ChainError, ContractRefused, TransactionFailed
from chain.events import CONTRACT_NAMES, Granted, decode

#: An act whose transaction failed although it would now succeed is sent again, so often in all.
_MOST_TRIES = 3
#: Looks in a row at which a used nonce shows none of ours, before it counts as another's.
_LOOKS_UNTIL_TAKEN = 3
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_log = structlog.get_logger("relayer")


@dataclass(frozen=True)
class _Over:
    """A transaction whose fate is final."""

    signed: Signed
    receipt: Receipt


class Settling:
    """Follows one account's transactions until their block stays."""

    def __init__(
        self, sessions: sessionmaker[Session], node: RelayNode, account: Account, clock: Clock
    ) -> None:
        self._sessions, self._node, self._account, self._clock = sessions, node, account, clock
        deployment = node.chain.deployment
        self._confirmations = deployment.finality.confirmations
        self._names = {deployment.address(name): name for name in CONTRACT_NAMES}
        self._unseen: dict[int, int] = {}
        self._lost: set[int] = set()
        self._highest_over: int | None = None
        self._head = b""

    def take_lost(self) -> set[int]:
        """Rows that left their block since this was last asked."""
        lost, self._lost = self._lost, set()
        return lost

    def settle(self, view: View, open_: Sequence[Signed]) -> tuple[int, list[Signed]]:
        """Notes what the chain holds; returns how many acts are over, and what is in no block.

        Raises ChainError.
        """
        if self._has_lost_what_was_over(view):
            with self._sessions.begin() as database:
                open_ = repository.open_transactions(database, self._account)
        unmined = [one for one in open_ if one.row.nonce >= view.nonce]
        self._note_lost([one for one in unmined if one.row.tx_hash is not None])
        used = [one for one in open_ if one.row.nonce < view.nonce]
        if self._head == view.head.hash:
            # What is in a block stays there until there is another head.
            used = [one for one in used if one.row.tx_hash is None or self._is_deep(one, view)]
        receipts = self._receipts(used)
        self._head = view.head.hash
        over: list[_Over] = []
        changes: list[dict[str, Any]] = []
        missing: list[Signed] = []
        for one in used:
            receipt = receipts.get(one.row.id)
            if receipt is None:
                missing.append(one)
                continue
            self._unseen.pop(one.row.id, None)
            is_final = receipt.block.number + self._confirmations <= max(
                view.head.number, receipt.block.number
            )
            changes.append(_noted(one, receipt, is_final))
            if is_final:
                over.append(_Over(one, receipt))
        self._write(over, changes)
        self._release_taken(missing, view)
        return len(over), unmined

    def _is_deep(self, one: Signed, view: View) -> bool:
        assert one.row.block_number is not None
        return one.row.block_number + self._confirmations <= view.head.number

    def _receipts(self, used: Sequence[Signed]) -> dict[int, Receipt]:
        owner = {form.tx_hash: one.row.id for one in used for form in one.forms}
        found = self._node.receipts(list(owner)) if owner else {}
        return {owner[tx_hash]: receipt for tx_hash, receipt in found.items()}

    def _write(self, over: Sequence[_Over], changes: Sequence[dict[str, Any]]) -> None:
        if not changes:
            return
        reverted = [one for one in over if not one.receipt.succeeded]
        calls = [Call(one.signed.row.contract, one.signed.row.data) for one in reverted]
        answers = self._node.estimate(calls) if calls else []
        reasons = {one.signed.row.id: a for one, a in zip(reverted, answers, strict=True)}
        acts = self._acts_of(over) if over else {}
        told: list[dict[str, Any]] = []
        now = self._clock()
        for one in over:
            row_id = one.signed.row.id
            for act in acts.get(row_id, []):
                if one.receipt.succeeded:
                    told.append(self._confirmed(act, one.receipt, now))
                else:
                    told.append(_reverted(act, one.receipt, reasons[row_id], now))
        with self._sessions.begin() as database:
            repository.note(database, changes)
            repository.settle(database, told)
        if over:
            highest = max(one.signed.row.nonce for one in over)
            self._highest_over = max(highest, self._highest_over or 0)

    def _acts_of(self, over: Sequence[_Over]) -> dict[int, list[OutboxAct]]:
        # Nobody else writes of acts that were sent, so this need not be in the transaction that
        # settles them: while that lasts, no act can be accepted on SQLite.
        with self._sessions() as database:
            database.connection(execution_options={"reads_only": True})
            return repository.acts_of(database, [one.signed.row.id for one in over])

    def _confirmed(self, act: OutboxAct, receipt: Receipt, now: datetime) -> dict[str, Any]:
        change = {"sequence": act.sequence, "state": "confirmed", "settled_at": now}
        if act.kind == "Grant":
            change["token_id"] = _granted_token(receipt, self._names)
        return change

    def _note_lost(self, lost: Sequence[Signed]) -> None:
        if not lost:
            return
        _log.warning("reorganised", transactions=len(lost))
        with self._sessions.begin() as database:
            repository.lose(database, [one.row.id for one in lost])
        self._lost |= {one.row.id for one in lost}

    def _has_lost_what_was_over(self, view: View) -> bool:
        if self._highest_over is None:
            with self._sessions() as database:
                database.connection(execution_options={"reads_only": True})
                self._highest_over = repository.newest_nonces(database, self._account)[1]
        if view.nonce > self._highest_over:
            return False
        with self._sessions.begin() as database:
            count = repository.reopen(database, self._account, view.nonce)
        # Deeper than the deployment's profile says can happen: whoever runs the node must know.
        _log.error("chain-behind", transactions=count, head=view.head.number)
        self._highest_over = view.nonce - 1
        return True

    def _release_taken(self, missing: Sequence[Signed], view: View) -> None:
        """Acts whose nonce was used by somebody else's transaction get another."""
        suspects = []
        for one in missing:
            self._unseen[one.row.id] = self._unseen.get(one.row.id, 0) + 1
            if self._unseen[one.row.id] >= _LOOKS_UNTIL_TAKEN:
                suspects.append(one)
        if not suspects:
            return
        used_for_good = self._node.nonce_at(view.head.number - self._confirmations)
        taken = [one for one in suspects if one.row.nonce < used_for_good]
        if not taken:
            return
        _log.error("nonce-taken", nonces=[one.row.nonce for one in taken])
        with self._sessions.begin() as database:
            repository.note(database, [{"id": one.row.id, "is_final": True} for one in taken])
            acts = repository.acts_of(database, [one.row.id for one in taken])
            again = [_again(act) for group in acts.values() for act in group]
            repository.settle(database, again)


def _noted(one: Signed, receipt: Receipt, is_final: bool) -> dict[str, Any]:
    return {
        "id": one.row.id,
        "tx_hash": receipt.tx_hash,
        "block_number": receipt.block.number,
        "block_hash": receipt.block.hash,
        "block_timestamp": receipt.block.timestamp,
        "status": int(receipt.succeeded),
        "is_final": is_final,
    }


def _again(act: OutboxAct) -> dict[str, Any]:
    return {
        "sequence": act.sequence,
        "state": "accepted",
        "transaction_id": None,
        "checked_at": _LONG_AGO,
    }


def _reverted(
    act: OutboxAct, receipt: Receipt, answer: int | ChainError | ActTooCostly, now: datetime
) -> dict[str, Any]:
    if isinstance(answer, ContractRefused | ActTooCostly):
        return failed(act, answer, now)
    if act.tries < _MOST_TRIES:
        # It would succeed now: the block had less gas for it than it came to need. Or the node
        # cannot say, which says nothing of the act, and must not keep the others from being over.
        return _again(act)
    return failed(act, TransactionFailed(receipt.tx_hash, "it reverted without a reason"), now)


def _granted_token(receipt: Receipt, names: Mapping[str, Any]) -> int | None:
    for log in receipt.logs:
        record = record_of(log, names, receipt.block)
        event = None if record is None else decode(record)
        if isinstance(event, Granted):
            return event.token_id
    return None
