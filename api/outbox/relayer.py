"""Carries accepted acts to the chain, many at a time, each exactly once or reported failed.

One account, one worker. Every step is first noted, then done: an act gets its nonce, and the bytes
that carry it are kept, in one transaction of the database; only then are they sent. A crash at any
line leaves either an accepted act without nonce, or bytes that are sent again, which can never be
mined twice. What no block takes is replaced by dearer bytes of the same nonce, of which the chain
mines one at most. What a block held and the chain then lost is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from eth_account.signers.local import LocalAccount
from sqlalchemy.orm import Session, sessionmaker

from api.clock import Clock
from api.outbox import relay_repository as repository
from api.outbox.queueing import Queue
from api.outbox.relay_node import RelayNode, View
from api.outbox.relay_repository import Account, Signed
from api.outbox.settling import Settling
from api.outbox.tables import RelayTransaction, SignedForm
from chain.errors import ChainUnreachable
from chain.transactions import Fees, SignedTransaction, TransactionSigner

#: Transactions that may be on their way at once; geth keeps 16 of an account for certain, and more
#: while there is room.
_WINDOW = 100
#: The state of an act when it was estimated is not that when it is mined.
_GAS_MARGIN, _GAS_MORE = 1.25, 30_000
#: No form is dearer than so many times what would do now.
_DEAREST = 20
_REFUSED_SECONDS, _LOOK_SECONDS, _FACTS_SECONDS = 2.0, 5.0, 15.0

_log = structlog.get_logger("relayer")


@dataclass(frozen=True)
class _Attempt:
    """When (monotonic s) and at which head a transaction was last handed over, and the refusal."""

    at: float
    head: int
    refusal: str | None


class Relayer:
    """`run_once` does whatever can be done now. One thread alone calls it."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        node: RelayNode,
        key: LocalAccount,
        clock: Clock,
        *,
        patience: float = 30.0,
    ) -> None:
        """`patience` (s): how long a transaction may wait for a block before it gets dearer."""
        deployment = node.chain.deployment
        self._sessions, self._node, self._clock = sessions, node, clock
        self._account = Account(deployment.genesis_hash, key.address)
        self._signer = TransactionSigner(key, deployment.chain_id)
        self._patience = patience
        self._settling = Settling(sessions, node, self._account, clock)
        self._queue = Queue(sessions, node, clock)
        self._attempts: dict[int, _Attempt] = {}
        self._looked = self._noted = -_FACTS_SECONDS

    def run_once(self) -> int:
        """One look at the chain and the queue; returns how many acts it moved.

        Raises:
            chain.errors.ChainError: the node is away or refuses; call again later.
        """
        try:
            return self._run_once()
        except ChainUnreachable:
            # Nobody knows what it still has.
            self._attempts.clear()
            raise

    def _run_once(self) -> int:
        with self._reading() as database:
            is_idle = repository.is_idle(database, self._account)
            open_ = [] if is_idle else repository.open_transactions(database, self._account)
        moved = self._queue.gather()
        now = time.monotonic()
        if is_idle and not moved and now < self._looked + _LOOK_SECONDS:
            return 0
        self._looked = now
        if now >= self._noted + _FACTS_SECONDS:
            self._note_facts()
            self._noted = now
        view = self._node.look()
        settled, unmined = self._settling.settle(view, open_)
        self._forget_attempts(unmined)
        is_stuck = self._deliver(view, unmined)
        if not is_stuck:
            moved += self._take(view, _WINDOW - len(unmined))
        return settled + moved

    def _deliver(self, view: View, unmined: Sequence[Signed]) -> bool:
        """Hands over what the node is not known to have; returns whether it refuses anything."""
        due: list[tuple[int, SignedForm]] = []
        for one in unmined:
            attempt = self._attempts.get(one.row.id)
            if attempt is None:
                due.append((one.row.id, one.newest))
            elif self._is_refused_for_long(attempt):
                form = self._dearer(one, view) if _is_cheap(one.newest, view) else one.newest
                due.append((one.row.id, form))
            elif self._waits_too_long(attempt, view):
                due.append((one.row.id, self._dearer(one, view)))
        self._send(view, due)
        return any(
            (attempt := self._attempts.get(one.row.id)) is not None and attempt.refusal is not None
            for one in unmined
        )

    def _is_refused_for_long(self, attempt: _Attempt) -> bool:
        return attempt.refusal is not None and time.monotonic() > attempt.at + _REFUSED_SECONDS

    def _waits_too_long(self, attempt: _Attempt, view: View) -> bool:
        # Without a new block nobody was preferred to it.
        return view.head.number > attempt.head and time.monotonic() > attempt.at + self._patience

    def _dearer(self, one: Signed, view: View) -> SignedForm:
        newest = one.newest
        fees = view.fees.replacing(Fees(newest.max_fee, newest.tip))
        if fees.tip > _DEAREST * max(1, view.fees.tip) and fees.max_fee > (
            _DEAREST * view.fees.max_fee
        ):
            return newest
        signed = self._sign(one.row, fees)
        with self._sessions.begin() as database:
            form = repository.form(one.row.id, signed, fees, self._clock())
            database.add(form)
        _log.info("dearer", nonce=one.row.nonce, forms=len(one.forms) + 1)
        return form

    def _take(self, view: View, room: int) -> int:
        """Signs and sends the acts that are next in line."""
        groups = self._queue.next(room)
        if not groups:
            return 0
        with self._reading() as database:
            newest, _ = repository.newest_nonces(database, self._account)
        first = max(view.nonce, newest + 1)
        rows = [
            repository.transaction(self._account, first + place, group[0], _gas(group[0].gas))
            for place, group in enumerate(groups)
        ]
        # Signed before the database is told: others write to it meanwhile.
        signed = [self._sign(row, view.fees) for row in rows]
        now = self._clock()
        with self._sessions.begin() as database:
            repository.add_transactions(database, rows, groups)
            forms = [
                repository.form(row.id, one, view.fees, now)
                for row, one in zip(rows, signed, strict=True)
            ]
            repository.add_forms(database, forms)
        self._send(view, [(form.transaction_id, form) for form in forms])
        return sum(len(group) for group in groups)

    def _sign(self, row: RelayTransaction, fees: Fees) -> SignedTransaction:
        return self._signer.sign_call(
            nonce=row.nonce, to=row.contract, data=row.data, gas=row.gas, fees=fees
        )

    def _send(self, view: View, due: Sequence[tuple[int, SignedForm]]) -> None:
        if not due:
            return
        answers = self._node.send([(form.tx_hash, form.raw) for _, form in due])
        now = time.monotonic()
        for (row_id, form), refusal in zip(due, answers, strict=True):
            known = self._attempts.get(row_id)
            said = None if refusal is None else str(refusal)
            if said is not None and (known is None or known.refusal != said):
                _log.warning("refused", transaction="0x" + form.tx_hash.hex(), reason=said)
            self._attempts[row_id] = _Attempt(now, view.head.number, said)

    def _forget_attempts(self, unmined: Sequence[Signed]) -> None:
        current = {one.row.id for one in unmined}
        lost = self._settling.take_lost()
        self._attempts = {
            row_id: attempt
            for row_id, attempt in self._attempts.items()
            if row_id in current and row_id not in lost
        }

    def _note_facts(self) -> None:
        balance = self._node.balance()
        with self._sessions.begin() as database:
            repository.note_facts(database, self._account.address, balance, self._clock())

    def _reading(self) -> Session:
        session = self._sessions()
        session.connection(execution_options={"reads_only": True})
        return session


def _is_cheap(form: SignedForm, view: View) -> bool:
    """Whether fees have more than doubled since: some nodes refuse what the next block cannot take,
    and would refuse the same bytes for ever.
    """
    return 2 * form.max_fee < view.fees.max_fee or 2 * form.tip < view.fees.tip


def _gas(estimated: int) -> int:
    return int(estimated * _GAS_MARGIN) + _GAS_MORE
