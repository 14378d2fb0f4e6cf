"""Reads and writes of the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from api.index.tables import (
    ChainIndex,
    IndexedBlock,
    IndexedEvent,
    IndexedToken,
    UndoneEvent,
)
from chain.blocks import Block

_ONLY = 1


def newest_block(database: Session) -> Block | None:
    """How far the index has come."""
    row = database.scalars(select(IndexedBlock).order_by(IndexedBlock.number.desc()).limit(1))
    found = row.first()
    return None if found is None else Block(found.number, found.hash, found.timestamp)


def block_at(database: Session, number: int) -> Block | None:
    """A block that is kept."""
    found = database.get(IndexedBlock, number)
    return None if found is None else Block(found.number, found.hash, found.timestamp)


def kept_blocks(database: Session, since: int) -> list[Block]:
    """Blocks that are kept, from a number on, ascending."""
    rows = database.scalars(
        select(IndexedBlock).where(IndexedBlock.number >= since).order_by(IndexedBlock.number)
    )
    return [Block(row.number, row.hash, row.timestamp) for row in rows]


def deployment_of(database: Session) -> bytes | None:
    """Whose index this is; None while it is empty."""
    return database.scalar(select(ChainIndex.deployment))


def begin(database: Session, deployment: bytes, base: Block) -> None:
    """Makes the index of a deployment: nothing is older than `base`."""
    database.add(ChainIndex(id=_ONLY, deployment=deployment, sequence=0))
    database.add(IndexedBlock(number=base.number, hash=base.hash, timestamp=base.timestamp))


def hold(database: Session) -> int:
    """Keeps every other writer out until the transaction ends; the last sequence number."""
    row = database.scalars(select(ChainIndex).with_for_update()).one()
    database.refresh(row, with_for_update=True)
    return int(row.sequence)


def add(
    database: Session,
    blocks: Sequence[Block],
    events: Sequence[dict[str, Any]],
    tokens: Sequence[dict[str, Any]],
    revocations: Sequence[dict[str, Any]],
    sequence: int,
) -> None:
    """Adds what a span of blocks holds, and notes the last sequence number."""
    rows = [vars(block) for block in blocks]
    for table, values in ((IndexedBlock, rows), (IndexedEvent, events), (IndexedToken, tokens)):
        if values:
            database.execute(insert(table), values)
    if revocations:
        revoking = (
            update(IndexedToken)
            .where(IndexedToken.token_id == bindparam("revoked_id"))
            .values(revoked_block=bindparam("at_block"), revoked_tx=bindparam("in_tx"))
            .execution_options(synchronize_session=None)
        )
        database.connection().execute(revoking, revocations)
    database.execute(update(ChainIndex).values(sequence=sequence))


def forget_empty_blocks(database: Session, before: int) -> None:
    """Drops blocks that hold no event and are too old to be undone."""
    held = exists().where(IndexedEvent.block_number == IndexedBlock.number)
    database.execute(
        delete(IndexedBlock)
        .where(IndexedBlock.number < before, ~held)
        .execution_options(synchronize_session=False)
    )


def undo_after(database: Session, ancestor: int, sequence: int) -> int:
    """Takes back everything after block `ancestor`, newest first; the last sequence number."""
    undone = database.execute(
        select(IndexedEvent, IndexedBlock)
        .join(IndexedBlock, IndexedBlock.number == IndexedEvent.block_number)
        .where(IndexedEvent.block_number > ancestor)
        .order_by(IndexedEvent.sequence.desc())
    ).all()
    notes = [
        {
            "sequence": sequence + place,
            "undone": event.sequence,
            "block_number": block.number,
            "block_hash": block.hash,
            "block_timestamp": block.timestamp,
            "log_index": event.log_index,
            "tx_hash": event.tx_hash,
            "contract": event.contract,
            "name": event.name,
            "study_id": event.study_id,
            "values": event.values,
        }
        for place, (event, block) in enumerate(undone, start=1)
    ]
    database.expunge_all()
    if notes:
        database.execute(insert(UndoneEvent), notes)
    for gone in (
        delete(IndexedEvent).where(IndexedEvent.block_number > ancestor),
        delete(IndexedToken).where(IndexedToken.granted_block > ancestor),
        update(IndexedToken)
        .where(IndexedToken.revoked_block > ancestor)
        .values(revoked_block=None, revoked_tx=None),
        delete(IndexedBlock).where(IndexedBlock.number > ancestor),
        update(ChainIndex).values(sequence=sequence + len(notes)),
    ):
        database.execute(gone, execution_options={"synchronize_session": False})
    return sequence + len(notes)


def events_and_blocks(
    database: Session, after: int, limit: int, study_id: int | None, names: Sequence[str]
) -> list[tuple[IndexedEvent, IndexedBlock]]:
    """Events after a sequence number, with their blocks, in order."""
    asked = (
        select(IndexedEvent, IndexedBlock)
        .join(IndexedBlock, IndexedBlock.number == IndexedEvent.block_number)
        .where(IndexedEvent.sequence > after)
        .order_by(IndexedEvent.sequence)
        .limit(limit)
    )
    if study_id is not None:
        asked = asked.where(IndexedEvent.study_id == study_id)
    if names:
        asked = asked.where(IndexedEvent.name.in_(names))
    return [(event, block) for event, block in database.execute(asked)]


def undone_events(
    database: Session, after: int, limit: int, study_id: int | None, names: Sequence[str]
) -> list[UndoneEvent]:
    """Undone events after a sequence number, in order."""
    asked = (
        select(UndoneEvent)
        .where(UndoneEvent.sequence > after)
        .order_by(UndoneEvent.sequence)
        .limit(limit)
    )
    if study_id is not None:
        asked = asked.where(UndoneEvent.study_id == study_id)
    if names:
        asked = asked.where(UndoneEvent.name.in_(names))
    return list(database.scalars(asked))


def last_sequence(database: Session) -> int:
    """The number of the newest change; 0 before the first."""
    return database.scalar(select(ChainIndex.sequence)) or 0


def newest_of(database: Session, study_id: int) -> tuple[int, int]:
    """The last sequence numbers of a study's and the whole registry's events and undone events."""
    counted = (0, study_id)
    events, undone = database.execute(
        select(
            select(func.max(IndexedEvent.sequence))
            .where(IndexedEvent.study_id.in_(counted))
            .scalar_subquery(),
            select(func.max(UndoneEvent.sequence))
            .where(UndoneEvent.study_id.in_(counted))
            .scalar_subquery(),
        )
    ).one()
    return events or 0, undone or 0


def records_of(
    database: Session, study_id: int, after: int
) -> list[tuple[int, str, int, int, bytes, int, bytes]]:
    """(sequence, contract, block, time, topic0, study, data) of what a replay needs, in order."""
    rows = database.execute(
        select(
            IndexedEvent.sequence,
            IndexedEvent.contract,
            IndexedEvent.block_number,
            IndexedBlock.timestamp,
            IndexedEvent.topic0,
            IndexedEvent.study_id,
            IndexedEvent.data,
        )
        .join(IndexedBlock, IndexedBlock.number == IndexedEvent.block_number)
        .where(
            or_(IndexedEvent.study_id == study_id, IndexedEvent.study_id == literal(0)),
            IndexedEvent.sequence > after,
        )
        .order_by(IndexedEvent.sequence)
    )
    return [(*row,) for row in rows]


def study_ids(database: Session, after: int, limit: int) -> list[int]:
    """Studies that were proposed, by number, after a number."""
    return list(
        database.scalars(
            select(IndexedEvent.study_id)
            .where(IndexedEvent.name == "StudyProposed", IndexedEvent.study_id > after)
            .order_by(IndexedEvent.study_id)
            .limit(limit)
        )
    )
