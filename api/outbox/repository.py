"""SQL of accepting acts and telling their state. What the relayer does is in `relay_repository`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from api.database.model import Base
from api.outbox.states import State
from api.outbox.tables import IdempotencyKey, OutboxAct, RelayTransaction, SignedForm


def find(database: Session, act_id: str) -> OutboxAct | None:
    """The act with an id."""
    return database.scalar(select(OutboxAct).where(OutboxAct.id == act_id))


def find_live(database: Session, digest: bytes) -> OutboxAct | None:
    """The act with a digest that has not failed."""
    return database.scalar(
        select(OutboxAct).where(OutboxAct.digest == digest, OutboxAct.state != "failed")
    )


def live(database: Session, digest: bytes) -> OutboxAct:
    """As `find_live`, of an act that was just added."""
    found = find_live(database, digest)
    if found is None:
        raise LookupError("the act that was added is gone")
    return found


def state_of(act: OutboxAct) -> State:
    """Its state, which only this module's callers write."""
    return cast(State, act.state)


def add(database: Session, act: OutboxAct) -> bool:
    """Adds an act unless the same one is there, waiting for whoever is adding it right now."""
    columns = OutboxAct.__table__.columns.keys()
    values = {name: getattr(act, name) for name in columns if name != "sequence"}
    return _insert_if_absent(database, OutboxAct, values)


def lock_quota(database: Session, address: str) -> None:
    """Until the transaction ends, nobody else counts this address's acts."""
    # An SQLite transaction that may write is the only one.
    if database.get_bind().dialect.name == "postgresql":
        database.execute(select(func.pg_advisory_xact_lock(func.hashtext(address))))


def counted_since(database: Session, address: str, since: datetime) -> Sequence[datetime]:
    """When acts that count for an address were accepted, oldest first."""
    return database.scalars(
        select(OutboxAct.accepted_at)
        .where(OutboxAct.quota_address == address, OutboxAct.accepted_at > since)
        .order_by(OutboxAct.accepted_at)
    ).all()


def find_key(database: Session, scope: str, key: bytes) -> IdempotencyKey | None:
    """What a key was used for."""
    return database.scalar(
        select(IdempotencyKey).where(IdempotencyKey.scope == scope, IdempotencyKey.key == key)
    )


def add_key(
    database: Session, scope: str, key: bytes, request: bytes, act_id: str, now: datetime
) -> None:
    """Notes a key, unless it is there."""
    values = {"scope": scope, "key": key, "request": request, "act_id": act_id, "used_at": now}
    _insert_if_absent(database, IdempotencyKey, values)


def forget_keys(database: Session, before: datetime) -> None:
    """Drops keys that were used before a moment."""
    database.execute(delete(IdempotencyKey).where(IdempotencyKey.used_at < before))


def transaction_of(
    database: Session, act: OutboxAct
) -> tuple[RelayTransaction, Sequence[bytes]] | None:
    """The transaction that carries an act and the hashes of all its forms, oldest first."""
    if act.transaction_id is None:
        return None
    transaction = database.get_one(RelayTransaction, act.transaction_id)
    hashes = database.scalars(
        select(SignedForm.tx_hash)
        .where(SignedForm.transaction_id == act.transaction_id)
        .order_by(SignedForm.max_fee)
    ).all()
    return transaction, hashes


def _insert_if_absent(database: Session, table: type[Base], values: dict[str, object]) -> bool:
    dialect = postgresql if database.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing()
    return cast(CursorResult[object], database.execute(statement)).rowcount == 1
