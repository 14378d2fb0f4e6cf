"""What FHIR searches read of the index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_
from sqlalchemy.orm import Session

from api.fhir.audit_resource import EVENT_NAMES, Place, RoundEvent
from api.index.tables import IndexedBlock, IndexedEvent, IndexedToken
from chain.events import Closed, ContractName, EventRecord, decode

_CHUNK = 200
_COMMITTEE = ("StudyProposed", "ReviewerReplaced")
FoundEvent = tuple[RoundEvent, Place]


def tokens_to_see(
    database: Session, address: str, studies: list[int], after: int | None
) -> Iterator[int]:
    """Ids, ascending, after one, of tokens that an account holds or has at its site, and of every
    token of some studies.
    """
    visible: ColumnElement[bool] = or_(
        IndexedToken.holder == address,
        IndexedToken.site == address,
        IndexedToken.study_id.in_(studies),
    )
    while True:
        asked = select(IndexedToken.token_id).where(visible)
        if after is not None:
            asked = asked.where(IndexedToken.token_id > after)
        found = list(database.scalars(asked.order_by(IndexedToken.token_id).limit(_CHUNK)))
        yield from found
        if len(found) < _CHUNK:
            return
        after = found[-1]


def tokens_held(database: Session, address: str) -> list[int]:
    """Ids of every token that an account holds or held, ascending."""
    asked = select(IndexedToken.token_id).where(IndexedToken.holder == address)
    return list(database.scalars(asked.order_by(IndexedToken.token_id)))


def studies_with_closed_rounds(database: Session) -> list[int]:
    """Ascending."""
    asked = select(IndexedEvent.study_id).where(IndexedEvent.name == Closed.__name__).distinct()
    return list(database.scalars(asked.order_by(IndexedEvent.study_id)))


def committee_events(database: Session) -> list[EventRecord]:
    """What makes the committees of all studies, in order."""
    asked = _events().where(IndexedEvent.name.in_(_COMMITTEE)).order_by(IndexedEvent.sequence)
    return [_record(event, block) for event, block in database.execute(asked)]


def round_event(database: Session, block_number: int, log_index: int) -> FoundEvent | None:
    """The event of a round at one place."""
    asked = _events().where(
        IndexedEvent.block_number == block_number,
        IndexedEvent.log_index == log_index,
        IndexedEvent.name.in_(EVENT_NAMES),
    )
    found = database.execute(asked).first()
    return None if found is None else _found(*found)


def round_events(
    database: Session,
    after: tuple[int, int] | None,
    since: int | None = None,
    before: int | None = None,
    study_id: int | None = None,
) -> Iterator[FoundEvent]:
    """Events of rounds in the chain's order, after a place, with chain time in [since, before)."""
    order = (IndexedEvent.block_number, IndexedEvent.log_index)
    within = and_(
        IndexedEvent.name.in_(EVENT_NAMES),
        *([IndexedBlock.timestamp >= since] if since is not None else []),
        *([IndexedBlock.timestamp < before] if before is not None else []),
        *([IndexedEvent.study_id == study_id] if study_id is not None else []),
    )
    while True:
        asked = _events().where(within)
        if after is not None:
            asked = asked.where(tuple_(*order) > tuple_(*after))
        found = database.execute(asked.order_by(*order).limit(_CHUNK)).all()
        for row in found:
            yield _found(*row)
        if len(found) < _CHUNK:
            return
        last = found[-1][0]
        after = (last.block_number, last.log_index)


def _events() -> Select[IndexedEvent, IndexedBlock]:
    return select(IndexedEvent, IndexedBlock).join(
        IndexedBlock, IndexedBlock.number == IndexedEvent.block_number
    )


def _found(event: IndexedEvent, block: IndexedBlock) -> FoundEvent:
    place = Place(block.number, block.timestamp, event.log_index, event.tx_hash)
    return cast(RoundEvent, decode(_record(event, block))), place


def _record(event: IndexedEvent, block: IndexedBlock) -> EventRecord:
    return EventRecord(
        cast(ContractName, event.contract),
        block.number,
        block.timestamp,
        event.topic0,
        event.study_id,
        event.data,
    )
