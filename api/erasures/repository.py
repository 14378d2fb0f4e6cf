"""Everything about one address, in whichever table; and requests to sites."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.orm import Session

from api.database.tables import METADATA
from api.erasures.personal import PERSONAL, Personal
from api.erasures.tables import Erasure
from api.index.tables import IndexedEvent, IndexedToken


def rows_about(database: Session, address: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of every personal table about an address, by table; hidden columns left out."""
    return {
        name: _rows(database, METADATA.tables[name], how, address) for name, how in PERSONAL.items()
    }


def events_about(database: Session, address: str) -> list[dict[str, Any]]:
    """What the index has of the transactions in which the address's tokens came and went."""
    own = IndexedToken.holder == address
    asked = select(IndexedEvent).where(
        or_(
            IndexedEvent.tx_hash.in_(select(IndexedToken.granted_tx).where(own)),
            IndexedEvent.tx_hash.in_(select(IndexedToken.revoked_tx).where(own)),
        ),
        IndexedEvent.name.in_(("Granted", "Revoked")),
    )
    rows = database.scalars(asked.order_by(IndexedEvent.sequence)).all()
    tokens = {
        str(token) for token in database.scalars(select(IndexedToken.token_id).where(own)).all()
    }
    return [
        {"name": row.name, "block_number": row.block_number, "values": row.values}
        for row in rows
        # Others' acts can be in the same transaction.
        if row.values.get("token_id") in tokens
    ]


def erase(database: Session, address: str, now: datetime) -> dict[str, int]:
    """Deletes what may be deleted about an address, and marks what has to wait; how many rows were
    deleted, by table.
    """
    erased = {}
    for name, how in PERSONAL.items():
        if how.kept is None:
            table = METADATA.tables[name]
            gone = delete(table).where(_about(table, how, address))
            if how.only is not None:
                gone = gone.where(how.only(now))
            erased[name] = database.execute(gone).rowcount  # type: ignore[attr-defined]
            if how.mark is not None:
                waiting = update(table).where(_about(table, how, address))
                database.execute(waiting.values({how.mark: True}))
    return erased


def erasures_of(database: Session, holder: str) -> Sequence[Erasure]:
    """A holder's requests, oldest first."""
    asked = select(Erasure).where(Erasure.holder == holder)
    return database.scalars(asked.order_by(Erasure.requested_at, Erasure.id)).all()


def ask(
    database: Session,
    new_id: str,
    holder: str,
    study_id: int,
    site: str,
    request: dict[str, Any] | None,
    now: datetime,
) -> None:
    """Puts a request to a site; one that is there and was not signed gets the signature."""
    found = database.scalars(
        select(Erasure).where(
            Erasure.holder == holder, Erasure.study_id == study_id, Erasure.site == site
        )
    ).first()
    if found is None:
        database.add(
            Erasure(
                id=new_id,
                holder=holder,
                study_id=study_id,
                site=site,
                requested_at=now,
                request=request,
            )
        )
    elif found.confirmed_at is not None:
        # The patient enrolled and consented again since.
        found.requested_at, found.request = now, request
        found.confirmed_at = found.confirmation = None
    elif request is not None:
        found.request = request
    database.flush()


def of_site(database: Session, site: str, after: str | None, limit: int) -> Sequence[Erasure]:
    """Requests that wait for a site, by id, one more than `limit` when there are more."""
    asked = select(Erasure).where(Erasure.site == site, Erasure.confirmed_at.is_(None))
    if after is not None:
        asked = asked.where(Erasure.id > after)
    return database.scalars(asked.order_by(Erasure.id).limit(limit + 1)).all()


def find(database: Session, erasure_id: str) -> Erasure | None:
    """One request."""
    return database.get(Erasure, erasure_id, with_for_update=True)


def _rows(database: Session, table: Table, how: Personal, address: str) -> list[dict[str, Any]]:
    shown = [column for column in table.c if column.name not in how.hidden]
    rows = database.execute(select(*shown).where(_about(table, how, address)))
    return [dict(row._mapping) for row in rows]


def _about(table: Table, how: Personal, address: str) -> Any:
    return or_(*(table.c[name] == address for name in how.columns))
