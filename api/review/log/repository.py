"""SQL of the audit log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, and_, or_, select, union_all
from sqlalchemy.orm import Session

from api.index.tables import IndexedBlock, IndexedEvent, IndexedToken
from api.review.log.asking import Asked

_CONSENTS = ("Granted", "Revoked")


def has_study(database: Session, study_id: int) -> bool:
    """Whether the index knows the study."""
    found = select(IndexedEvent.sequence).where(
        IndexedEvent.study_id == study_id, IndexedEvent.name == "StudyProposed"
    )
    return database.scalar(found.limit(1)) is not None


def events(
    database: Session, study_id: int, asked: Asked, after: int, limit: int
) -> list[tuple[IndexedEvent, IndexedBlock]]:
    """Events that may be what is asked for, in order, after a sequence number.

    Whether they name the round, and which site or token, is for `Asked.fits` to say: here only
    what cannot be is left out, so that few are read.
    """
    query = (
        select(IndexedEvent, IndexedBlock)
        .join(IndexedBlock, IndexedBlock.number == IndexedEvent.block_number)
        .where(
            IndexedEvent.study_id == study_id,
            IndexedEvent.sequence > after,
            IndexedEvent.name.in_(asked.names),
        )
        .order_by(IndexedEvent.sequence)
        .limit(limit)
    )
    number, time = IndexedEvent.block_number, IndexedBlock.timestamp
    if asked.from_block is not None:
        query = query.where(number >= asked.from_block)
    if asked.to_block is not None:
        query = query.where(number <= asked.to_block)
    if asked.from_time is not None:
        query = query.where(time >= asked.from_time)
    if asked.to_time is not None:
        query = query.where(time <= asked.to_time)
    if asked.site is not None or asked.token_id is not None:
        blocks = _blocks_of_consents(study_id, asked)
        query = query.where(
            or_(
                IndexedEvent.name.not_in(_CONSENTS),
                and_(IndexedEvent.name.in_(_CONSENTS), IndexedEvent.block_number.in_(blocks)),
            )
        )
    return [(event, block) for event, block in database.execute(query)]


def _blocks_of_consents(study_id: int, asked: Asked) -> CompoundSelect[Any]:
    tokens = [IndexedToken.study_id == study_id]
    if asked.site is not None:
        tokens.append(IndexedToken.site == asked.site)
    if asked.token_id is not None:
        tokens.append(IndexedToken.token_id == asked.token_id)
    return union_all(
        select(IndexedToken.granted_block).where(*tokens),
        select(IndexedToken.revoked_block).where(*tokens, IndexedToken.revoked_block.is_not(None)),
    )
