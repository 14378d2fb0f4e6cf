"""Merging rows into a site's store: which version of a resource holds, and what follows from it.

The outcome is a function of the set of rows, not of their order:

* the newest version (lastUpdated, then versionId) of a resource holds;
* of equally new versions a removal holds;
* a version that was refused holds as well, and nothing of the resource is used then: it says that
  the older one is wrong (of another patient, say), and only not what is right;
* equally new versions that differ are a conflict, and none of them is used, because nothing says
  which one is right.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from federation.gate.records.rejections import Refused
from federation.gate.records.rejections import RejectionCode as Code
from federation.gate.records.rows import (
    DoseRow,
    ObservationRow,
    PatientRow,
    Provenance,
    RemovedDose,
    RemovedObservation,
    State,
    Version,
)


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]

    def select(self) -> str:
        return (
            f"SELECT state, updated_us, version, removed, {', '.join(self.columns)}"  # noqa: S608
            f" FROM {self.name} WHERE id = ?"
        )

    def replace(self) -> str:
        marks = ", ".join("?" * (7 + len(self.columns)))
        return (
            f"INSERT OR REPLACE INTO {self.name} (id, state, updated_us, version, removed,"  # noqa: S608
            f" {', '.join(self.columns)}, source_id, line) VALUES ({marks})"
        )


_PATIENT: Final = _Table("patient", ("birth_date", "birth_us", "gender"))
_OBSERVATION: Final = _Table(
    "observation", ("record_id", "loinc", "time_us", "value", "source_value", "source_unit")
)
_DOSE: Final = _Table(
    "dose", ("record_id", "code", "time_us", "stop_us", "value", "source_value", "source_unit")
)


class StoreWriter:
    """Puts rows into a store inside the transaction of `RecordStore.loading`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._sources: dict[str, int] = {}

    def put_patient(self, row: PatientRow, where: Provenance) -> str:
        """Merge a patient. Returns added, updated, unchanged, superseded or removed.

        Refuses DUPLICATE for an equally new version that differs.
        """
        values = (row.birth_date, row.birth_us, row.gender)
        return self._merge(_PATIENT, row.record_id, row.version, values, where)

    def put_observation(self, row: ObservationRow | RemovedObservation, where: Provenance) -> str:
        """Merge a result, as `put_patient`; refuses SUBJECT_UNKNOWN and DATE_BEFORE_BIRTH too."""
        if isinstance(row, RemovedObservation):
            return self._merge(_OBSERVATION, row.resource_id, row.version, None, where)
        self._require_patient(row.record_id, row.time_us)
        found = row.measurement
        values = (
            row.record_id,
            found.code.loinc,
            row.time_us,
            found.value,
            found.source_value,
            found.source_unit,
        )
        return self._merge(_OBSERVATION, row.resource_id, row.version, values, where)

    def put_dose(self, row: DoseRow | RemovedDose, where: Provenance) -> str:
        """Merge a dose, as `put_observation`."""
        if isinstance(row, RemovedDose):
            return self._merge(_DOSE, row.resource_id, row.version, None, where)
        self._require_patient(row.record_id, row.time_us)
        found = row.measurement
        values = (
            row.record_id,
            found.code.loinc,
            row.time_us,
            row.stop_us,
            found.value,
            found.source_value,
            found.source_unit,
        )
        return self._merge(_DOSE, row.resource_id, row.version, values, where)

    def refuse_observation(self, resource_id: str, version: Version, where: Provenance) -> None:
        """A version of a result cannot be used: no older one is, until a newer or the same can."""
        self._refuse(_OBSERVATION, resource_id, version, where)

    def refuse_dose(self, resource_id: str, version: Version, where: Provenance) -> None:
        """As `refuse_observation`, of a dose."""
        self._refuse(_DOSE, resource_id, version, where)

    def holds_dose(self, resource_id: str) -> bool:
        """Whether a dose of that resource is known, in whatever state."""
        query = "SELECT 1 FROM dose WHERE id = ?"
        return self._db.execute(query, (resource_id,)).fetchone() is not None

    def ensure_patient(self, record_id: str, where: Provenance) -> None:
        """Make a patient of whom only the id is known, unless there is one already."""
        query = "SELECT 1 FROM patient WHERE id = ?"
        if self._db.execute(query, (record_id,)).fetchone() is None:
            # Older than any Patient resource, which therefore replaces it.
            bare = PatientRow(record_id, Version(number=-2))
            self.put_patient(bare, where)

    def drop_orphans(self) -> int:
        """Drop stored results and doses whose patient is no longer usable or was born later; how
        many.

        A patient loaded anew may have become inactive, or have another birth date.
        """
        dropped = 0
        for table in (_OBSERVATION.name, _DOSE.name):
            query = f"""
                DELETE FROM {table} WHERE state = ? AND NOT EXISTS (
                    SELECT 1 FROM patient WHERE patient.id = {table}.record_id
                    AND patient.state = ?
                    AND (patient.birth_us IS NULL OR patient.birth_us <= {table}.time_us))
            """  # noqa: S608
            dropped += self._db.execute(query, (State.LIVE, State.LIVE)).rowcount
        return dropped

    def _require_patient(self, record_id: str, time_us: int) -> None:
        query = "SELECT birth_us FROM patient WHERE id = ? AND state = ?"
        patient = self._db.execute(query, (record_id, State.LIVE)).fetchone()
        if patient is None:
            raise Refused(Code.SUBJECT_UNKNOWN)
        if patient[0] is not None and time_us < patient[0]:
            raise Refused(Code.DATE_BEFORE_BIRTH)

    def _merge(
        self,
        table: _Table,
        resource_id: str,
        version: Version,
        values: tuple[object, ...] | None,
        where: Provenance,
    ) -> str:
        state = State.REMOVED if version.removed else State.LIVE
        nothing = (None,) * len(table.columns)
        kept = nothing if values is None or version.removed else values
        current = self._db.execute(table.select(), (resource_id,)).fetchone()
        outcome = "removed" if version.removed else "added"
        if current is not None:
            held = Version(current[1], current[2], bool(current[3]))
            if version < held:
                return "superseded"
            if version == held:
                if current[0] == state and current[4:] == kept:
                    return "unchanged"
                # What was refused may be right by now: its patient is loaded, or a code is mapped.
                if current[0] != State.REFUSED:
                    if current[0] != State.CONFLICT:
                        self._write(table, resource_id, State.CONFLICT, version, nothing, where)
                    raise Refused(Code.DUPLICATE)
            outcome = "removed" if version.removed else "updated"
        self._write(table, resource_id, state, version, kept, where)
        return outcome

    def _refuse(self, table: _Table, resource_id: str, version: Version, where: Provenance) -> None:
        if version == Version():  # newer than nothing
            return
        current = self._db.execute(table.select(), (resource_id,)).fetchone()
        if current is None or Version(current[1], current[2], bool(current[3])) < version:
            nothing = (None,) * len(table.columns)
            self._write(table, resource_id, State.REFUSED, version, nothing, where)

    def _write(
        self,
        table: _Table,
        resource_id: str,
        state: State,
        version: Version,
        values: tuple[object, ...],
        where: Provenance,
    ) -> None:
        key = (resource_id, state, version.updated_us, version.number, version.removed)
        self._db.execute(table.replace(), (*key, *values, self._source(where.sha256), where.line))

    def _source(self, sha256: str) -> int:
        if sha256 not in self._sources:
            self._db.execute("INSERT OR IGNORE INTO source (sha256) VALUES (?)", (sha256,))
            query = "SELECT source_id FROM source WHERE sha256 = ?"
            (self._sources[sha256],) = self._db.execute(query, (sha256,)).fetchone()
        return self._sources[sha256]
