"""Changes of the chain in the order in which the service learned of them, for feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from api.index import repository
from api.index.tables import IndexedBlock, IndexedEvent, UndoneEvent


@dataclass(frozen=True)
class Change:
    """An event that happened, or one that a reorganisation undid (`undone` is its number then).

    `values` as `api.index.values.values_of`; hashes have 32 bytes, times are chain time (s).
    """

    sequence: int
    undone: int | None
    contract: str
    name: str
    study_id: int
    block_number: int
    block_hash: bytes
    block_timestamp: int
    log_index: int
    tx_hash: bytes
    values: dict[str, Any]


def events_after(
    database: Session,
    sequence: int,
    study_id: int | None = None,
    limit: int = 100,
    names: Sequence[str] = (),
) -> list[Change]:
    """At most `limit` changes after a sequence number, in order; of one study and some events,
    if named. An undone event comes again as a change of its own, with a number of its own.
    """
    happened = [
        _happened(event, block)
        for event, block in repository.events_and_blocks(database, sequence, limit, study_id, names)
    ]
    undone = [
        _undone(one) for one in repository.undone_events(database, sequence, limit, study_id, names)
    ]
    return sorted(happened + undone, key=lambda change: change.sequence)[:limit]


def _happened(event: IndexedEvent, block: IndexedBlock) -> Change:
    return Change(
        event.sequence,
        None,
        event.contract,
        event.name,
        event.study_id,
        block.number,
        block.hash,
        block.timestamp,
        event.log_index,
        event.tx_hash,
        event.values,
    )


def _undone(event: UndoneEvent) -> Change:
    return Change(
        event.sequence,
        event.undone,
        event.contract,
        event.name,
        event.study_id,
        event.block_number,
        event.block_hash,
        event.block_timestamp,
        event.log_index,
        event.tx_hash,
        event.values,
    )
