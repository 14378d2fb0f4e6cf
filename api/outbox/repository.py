"""SQL of accepting acts and telling their state. What the relayer does is in `relay_repository`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, defer

from api.outbox.states import OVER, State
from api.outbox.tables import IdempotencyKey, OutboxAct, RelayTransaction, SignedForm

#: An act counts for so long, whatever becomes of it.
QUOTA_SPAN = timedelta(hours=1)

_ACTS, _KEYS = cast(Table, OutboxAct.__table__), cast(Table, IdempotencyKey.__table__)
# Built once: what is asked for each act would otherwise be put together anew for each.
_LIVE = select(_ACTS.c.id).where(_ACTS.c.digest == bindparam("digest"), _ACTS.c.state != "failed")
_COUNTED = (
    select(_ACTS.c.accepted_at)
    .where(_ACTS.c.quota_address == bindparam("address"), _ACTS.c.accepted_at > bindparam("since"))
    .order_by(_ACTS.c.accepted_at)
)
_REVERTED = (
    select(_ACTS.c.accepted_at)
    .where(
        _ACTS.c.account == bindparam("account"),
        _ACTS.c.accepted_at > bindparam("since"),
        _ACTS.c.quota_address.is_(None),
        _ACTS.c.state == "failed",
        _ACTS.c.tries > 0,
    )
    .order_by(_ACTS.c.accepted_at)
)
_KEY = select(_KEYS.c.request, _KEYS.c.act_id).where(
    _KEYS.c.scope == bindparam("scope"), _KEYS.c.key == bindparam("key")
)
# Who asks how far an act has come asks again and again.
_FOLLOWED = (
    select(OutboxAct, RelayTransaction, SignedForm.tx_hash)
    .outerjoin(RelayTransaction, RelayTransaction.id == OutboxAct.transaction_id)
    .outerjoin(SignedForm, SignedForm.transaction_id == RelayTransaction.id)
    .where(OutboxAct.id == bindparam("act_id"))
    .order_by(SignedForm.max_fee)
    .options(
        defer(OutboxAct.data, raiseload=True),
        defer(OutboxAct.signed, raiseload=True),
        defer(RelayTransaction.data, raiseload=True),
    )
)
_ADD_ACT = {
    "sqlite": sqlite.insert(_ACTS).on_conflict_do_nothing().returning(_ACTS.c.sequence),
    "postgresql": postgresql.insert(_ACTS).on_conflict_do_nothing().returning(_ACTS.c.sequence),
}
_ADD_KEY = {
    "sqlite": sqlite.insert(_KEYS).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_KEYS).on_conflict_do_nothing(),
}
# Always in the same order: of two processes that count for the same addresses one waits for the
# other, never each for each.
_LOCK_QUOTAS = text(
    "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtext(one) AS key"
    " FROM unnest(CAST(:addresses AS text[])) AS one ORDER BY key) AS keys"
)


@dataclass(frozen=True)
class Followed:
    """An act, the transaction that carries it if there is one, and the hashes of all its forms,
    cheapest first.
    """

    act: OutboxAct
    transaction: RelayTransaction | None
    hashes: Sequence[bytes]


def follow(database: Session, act_id: str) -> Followed | None:
    """The act with an id and what carries it, by one question. What carries it is not loaded."""
    rows = database.execute(_FOLLOWED, {"act_id": act_id}).all()
    if not rows:
        return None
    act, transaction, _ = rows[0]
    return Followed(act, transaction, [row.tx_hash for row in rows if row.tx_hash is not None])


def get(database: Session, act_id: str) -> Followed:
    """As `follow`, of an act that is there."""
    found = follow(database, act_id)
    if found is None:
        raise LookupError("an act that was kept is gone")
    return found


def find_live(connection: Connection, digest: bytes) -> str | None:
    """The id of the act with a digest that has not failed."""
    return connection.scalar(_LIVE, {"digest": digest})


def live(connection: Connection, digest: bytes) -> str:
    """As `find_live`, of an act that is there."""
    found = find_live(connection, digest)
    if found is None:
        raise LookupError("an act that was kept is gone")
    return found


def state_of(act: OutboxAct) -> State:
    """Its state, which only this module's callers write."""
    return cast(State, act.state)


def add(connection: Connection, values: dict[str, Any]) -> bool:
    """Adds an act unless the same one is there, waiting for whoever is adding it right now."""
    return connection.scalar(_ADD_ACT[connection.dialect.name], values) is not None


def lock_quotas(connection: Connection, addresses: Collection[str]) -> None:
    """Until the transaction ends, nobody else counts these addresses' acts."""
    # An SQLite transaction that may write is the only one.
    if addresses and connection.dialect.name == "postgresql":
        connection.execute(_LOCK_QUOTAS, {"addresses": list(addresses)})


def counted_since(connection: Connection, address: str, since: datetime) -> Sequence[datetime]:
    """When acts that count for an address were accepted, oldest first."""
    return connection.scalars(_COUNTED, {"address": address, "since": since}).all()


def reverted_since(connection: Connection, account: str, since: datetime) -> Sequence[datetime]:
    """When an account's acts were accepted that count for nobody and failed although they were
    carried, oldest first.
    """
    return connection.scalars(_REVERTED, {"account": account, "since": since}).all()


def find_key(connection: Connection, scope: str, key: bytes) -> tuple[bytes, str] | None:
    """The request that a key was used for (its hash), and the act's id."""
    found = connection.execute(_KEY, {"scope": scope, "key": key}).first()
    return None if found is None else (found.request, found.act_id)


def add_key(
    connection: Connection, scope: str, key: bytes, request: bytes, act_id: str, now: datetime
) -> None:
    """Notes a key, unless it is there."""
    values = {"scope": scope, "key": key, "request": request, "act_id": act_id, "used_at": now}
    connection.execute(_ADD_KEY[connection.dialect.name], values)


def forget_keys(database: Session, before: datetime) -> None:
    """Drops keys that were used before a moment."""
    database.execute(delete(IdempotencyKey).where(IdempotencyKey.used_at < before))


def is_spent(now: datetime) -> ColumnElement[bool]:
    """Whether an act is over and counts for nobody any more."""
    return _ACTS.c.state.in_(OVER) & (_ACTS.c.accepted_at <= now - QUOTA_SPAN)


def forget_erased(database: Session, now: datetime) -> None:
    """Drops acts that an erasure had to leave, once they are over and count for nobody any more."""
    database.execute(
        delete(OutboxAct)
        .where(OutboxAct.is_erased, is_spent(now))
        .execution_options(synchronize_session=False)
    )
