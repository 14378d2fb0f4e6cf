"""SQL of the relayer, the only writer of transactions and of acts that were accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, literal, select, union_all, update
from sqlalchemy.orm import Session

from api.database.bulk import change_rows, values_of
from api.outbox.checking import Call
from api.outbox.tables import OutboxAct, RelayerFacts, RelayTransaction, SignedForm
from chain.transactions import Fees, SignedTransaction

# What is written goes past the ORM: while it is, nobody else writes to SQLite.
_ACTS, _TRANSACTIONS, _FORMS = (
    cast(Table, one.__table__) for one in (OutboxAct, RelayTransaction, SignedForm)
)
_ADD_TRANSACTIONS = insert(_TRANSACTIONS).returning(
    _TRANSACTIONS.c.id, sort_by_parameter_order=True
)
# Asked many times a second, mostly in vain.
_IS_BUSY = union_all(
    select(literal(1))
    .where(_TRANSACTIONS.c.account == bindparam("account"), ~_TRANSACTIONS.c.is_final)
    .limit(1)
    .subquery()
    .select(),
    select(literal(1)).where(_ACTS.c.state == "accepted").limit(1).subquery().select(),
).limit(1)


@dataclass(frozen=True)
class Account:
    """The relayer's account on one chain (its genesis hash)."""

    genesis: bytes
    address: str


@dataclass(frozen=True)
class Signed:
    """A transaction that was signed and is not over: its row and its forms, cheapest first."""

    row: RelayTransaction
    forms: Sequence[SignedForm]

    @property
    def newest(self) -> SignedForm:
        """The dearest form."""
        return self.forms[-1]

    @property
    def call(self) -> Call:
        """What it carries."""
        return Call(self.row.contract, self.row.data)


def other_chain(database: Session, account: Account) -> bytes | None:
    """The genesis of transactions in this database that belong to another chain."""
    return database.scalar(
        select(RelayTransaction.genesis).where(RelayTransaction.genesis != account.genesis).limit(1)
    )


def open_of_others(database: Session, account: Account) -> str | None:
    """Another account of which the database holds a transaction that is not over."""
    return database.scalar(
        select(RelayTransaction.account)
        .where(RelayTransaction.account != account.address, ~RelayTransaction.is_final)
        .limit(1)
    )


def open_transactions(database: Session, account: Account) -> list[Signed]:
    """Those that are not over, by nonce."""
    rows = database.scalars(
        select(RelayTransaction)
        .where(RelayTransaction.account == account.address, ~RelayTransaction.is_final)
        .order_by(RelayTransaction.nonce)
    ).all()
    forms: dict[int, list[SignedForm]] = {row.id: [] for row in rows}
    for form in database.scalars(
        select(SignedForm).where(SignedForm.transaction_id.in_(forms)).order_by(SignedForm.max_fee)
    ):
        forms[form.transaction_id].append(form)
    return [Signed(row, forms[row.id]) for row in rows]


def newest_nonces(database: Session, account: Account) -> tuple[int, int]:
    """The highest nonce that was signed, and the highest that is over; -1 for none."""
    mine = RelayTransaction.account == account.address
    signed = database.scalar(select(func.max(RelayTransaction.nonce)).where(mine))
    over = database.scalar(
        select(func.max(RelayTransaction.nonce)).where(
            mine, RelayTransaction.is_final, RelayTransaction.tx_hash.is_not(None)
        )
    )
    return (-1 if signed is None else signed), (-1 if over is None else over)


def reopen(database: Session, account: Account, nonce: int) -> int:
    """Transactions from a nonce on that were over are not; how many."""
    ids = database.scalars(
        select(RelayTransaction.id).where(
            RelayTransaction.account == account.address,
            RelayTransaction.nonce >= nonce,
            RelayTransaction.is_final,
            RelayTransaction.tx_hash.is_not(None),
        )
    ).all()
    lose(database, ids)
    return len(ids)


def lose(database: Session, ids: Sequence[int]) -> None:
    """Transactions that are in no block any more; their acts are sent, and not yet settled."""
    database.execute(
        update(RelayTransaction)
        .where(RelayTransaction.id.in_(ids))
        .values(
            is_final=False,
            tx_hash=None,
            block_number=None,
            block_hash=None,
            block_timestamp=None,
            status=None,
        )
    )
    database.execute(
        update(OutboxAct)
        .where(OutboxAct.transaction_id.in_(ids))
        .values(state="sent", settled_at=None, token_id=None, reason_code=None, reason=None)
    )


def note(database: Session, changes: Sequence[dict[str, Any]]) -> None:
    """Changes transactions; each names its `id`."""
    change_rows(database.connection(), _TRANSACTIONS, "id", changes)


def settle(database: Session, changes: Sequence[dict[str, Any]]) -> None:
    """Changes acts; each names its `sequence`."""
    change_rows(database.connection(), _ACTS, "sequence", changes)


def acts_of(database: Session, ids: Iterable[int]) -> dict[int, list[OutboxAct]]:
    """The acts that transactions carry."""
    found: dict[int, list[OutboxAct]] = {}
    for act in database.scalars(select(OutboxAct).where(OutboxAct.transaction_id.in_(ids))):
        assert act.transaction_id is not None
        found.setdefault(act.transaction_id, []).append(act)
    return found


def next_acts(database: Session, most: int) -> Sequence[OutboxAct]:
    """Those that go first among the accepted."""
    return database.scalars(
        select(OutboxAct)
        .where(OutboxAct.state == "accepted")
        .order_by(OutboxAct.priority, OutboxAct.sequence)
        .limit(most)
    ).all()


def is_idle(database: Session, account: Account) -> bool:
    """Whether no act waits to be sent, and no transaction that was signed is not over."""
    return database.connection().scalar(_IS_BUSY, {"account": account.address}) is None


def voices(database: Session) -> dict[bytes, list[OutboxAct]]:
    """Acts that wait for other reviewers, by what they say."""
    found: dict[bytes, list[OutboxAct]] = {}
    waiting = select(OutboxAct).where(OutboxAct.state == "waiting").order_by(OutboxAct.sequence)
    for act in database.scalars(waiting):
        assert act.voice_of is not None
        found.setdefault(act.voice_of, []).append(act)
    return found


def transaction(account: Account, nonce: int, act: OutboxAct, gas: int) -> RelayTransaction:
    """A nonce for an act, not kept yet."""
    return RelayTransaction(
        genesis=account.genesis,
        account=account.address,
        nonce=nonce,
        contract=act.contract,
        data=act.data,
        gas=gas,
        is_final=False,
    )


def add_transactions(
    database: Session, rows: Sequence[RelayTransaction], groups: Sequence[Sequence[OutboxAct]]
) -> None:
    """Keeps them; each carries the acts of one group, which are sent from now on. Sets their `id`.

    Fails when a nonce is another's.
    """
    ids = database.connection().execute(_ADD_TRANSACTIONS, [values_of(row) for row in rows])
    for row, row_id in zip(rows, ids.scalars(), strict=True):
        row.id = row_id
    settle(
        database,
        [
            {
                "sequence": act.sequence,
                "state": "sent",
                "transaction_id": row.id,
                "tries": act.tries + 1,
            }
            for row, group in zip(rows, groups, strict=True)
            for act in group
        ],
    )


def form(row_id: int, signed: SignedTransaction, fees: Fees, now: datetime) -> SignedForm:
    """Bytes that are about to be sent, not kept yet."""
    return SignedForm(
        tx_hash=signed.tx_hash,
        transaction_id=row_id,
        raw=signed.raw,
        max_fee=fees.max_fee,
        tip=fees.tip,
        signed_at=now,
    )


def add_forms(database: Session, forms: Sequence[SignedForm]) -> None:
    """Keeps them."""
    database.connection().execute(insert(_FORMS), [values_of(one) for one in forms])


def note_facts(database: Session, address: str, balance: int, now: datetime) -> None:
    """What the account has."""
    database.merge(RelayerFacts(account=address, balance=balance, seen_at=now))


def facts(database: Session) -> RelayerFacts | None:
    """Of the account that was seen last."""
    return database.scalar(select(RelayerFacts).order_by(RelayerFacts.seen_at.desc()).limit(1))


def queue(database: Session) -> dict[str, tuple[int, datetime]]:
    """How many acts are in each state that is not an end, and when the oldest was accepted."""
    rows = database.execute(
        select(OutboxAct.state, func.count(), func.min(OutboxAct.accepted_at))
        .where(OutboxAct.state.in_(("accepted", "waiting", "sent")))
        .group_by(OutboxAct.state)
    )
    return {state: (count, oldest) for state, count, oldest in rows}
