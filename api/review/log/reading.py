"""Reads the audit log: pages, and everything as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import cast

from sqlalchemy.orm import Session

from api.blocks import BlockShown
from api.http.paging import cursor
from api.index.tables import IndexedBlock, IndexedEvent
from api.problems import NotFound
from api.review.log import repository
from api.review.log.asking import Asked
from api.review.log.models import LogEntry
from api.review.log.sentences import sentence
from api.service import Service
from chain.blocks import Block
from chain.events import ContractName, EventRecord, decode

_BATCH = 500
#: Events that one request looks through, so that no question keeps a connection for long.
MOST_LOOKED_AT = 5_000
CSV_COLUMNS = (
    "sequence",
    "kind",
    "contract",
    "block_number",
    "block_hash",
    "tx_hash",
    "log_index",
    "happened_at",
    "words",
    "values",
)


def log_page(
    database: Session, study_id: int, asked: Asked, after: int, limit: int
) -> tuple[list[LogEntry], str | None]:
    """Entries after a sequence number, and the cursor of the next page. Raises NotFound."""
    _require_study(database, study_id)
    found: list[LogEntry] = []
    looked_at = 0
    while looked_at < MOST_LOOKED_AT:
        rows = _rows(database, study_id, asked, after)
        for event, block in rows:
            entry = _entry(event, block, asked)
            if entry is not None:
                if len(found) == limit:
                    return found, cursor(found[-1].sequence)
                found.append(entry)
            after = event.sequence
        looked_at += _BATCH
        if len(rows) < _BATCH:
            return found, None
    return found, cursor(after)


def require_study(database: Session, study_id: int) -> None:
    """Raises NotFound unless the index knows the study."""
    _require_study(database, study_id)


def log_as_csv(service: Service, study_id: int, asked: Asked) -> Iterator[str]:
    """Every entry, as CSV with a header line (RFC 4180), a batch at a time.

    Each batch is read in a transaction of its own, which ends before its text is sent: a slow
    reader holds nothing.
    """
    yield _csv_line(CSV_COLUMNS)
    after = 0
    while True:
        with service.sessions() as database:
            database.connection(execution_options={"reads_only": True})
            rows = _rows(database, study_id, asked, after)
        lines = []
        for event, block in rows:
            entry = _entry(event, block, asked)
            if entry is not None:
                values = json.dumps(entry.values, separators=(",", ":"))
                told = {
                    **entry.model_dump(),
                    "block_number": entry.block.number,
                    "block_hash": entry.block.hash,
                    "happened_at": entry.block.timestamp,
                    "values": values,
                }
                lines.append(_csv_line([told[name] for name in CSV_COLUMNS]))
            after = event.sequence
        yield "".join(lines)
        if len(rows) < _BATCH:
            return


def _rows(
    database: Session, study_id: int, asked: Asked, after: int
) -> list[tuple[IndexedEvent, IndexedBlock]]:
    if asked.matches_nothing:
        return []
    return repository.events(database, study_id, asked, after, _BATCH)


def _require_study(database: Session, study_id: int) -> None:
    if not repository.has_study(database, study_id):
        raise NotFound(f"there is no study {study_id}")


def _entry(event: IndexedEvent, block: IndexedBlock, asked: Asked) -> LogEntry | None:
    found = decode(
        EventRecord(
            cast(ContractName, event.contract),
            block.number,
            block.timestamp,
            event.topic0,
            event.study_id,
            event.data,
        )
    )
    if not asked.fits(found):
        return None
    return LogEntry(
        sequence=event.sequence,
        kind=event.name,
        contract=event.contract,
        block=BlockShown.of(Block(block.number, block.hash, block.timestamp)),
        tx_hash="0x" + event.tx_hash.hex(),
        log_index=event.log_index,
        values=event.values,
        words=sentence(found),
    )


def _csv_line(values: object) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)  # type: ignore[arg-type]
    return line.getvalue()
