"""Loading a laboratory system's CSV by a YAML mapping, plain or gzip: a row is one result, or one
change of dose.

Each physical line is one row: a field with a line break inside would let one missing quote swallow
the rest of the file. A result is known again by the mapped `result_id` with its LOINC code, or
else by patient, LOINC code and time.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from federation.gate.records.codes import LabCode
from federation.gate.records.doses import DRUGS, Drug, find_channel, measure_dose
from federation.gate.records.lines import Line, Progress, find_sources
from federation.gate.records.lis_mapping import LisMapping, LocalCode
from federation.gate.records.loading import Load
from federation.gate.records.rejections import Refused, shown
from federation.gate.records.rejections import RejectionCode as Code
from federation.gate.records.report import LoadReport
from federation.gate.records.rows import (
    NEVER,
    DoseRow,
    Measurement,
    ObservationRow,
    Provenance,
    RemovedDose,
    RemovedObservation,
    Version,
    measure,
)
from federation.gate.records.store import RecordStore
from federation.gate.records.store_writer import StoreWriter
from federation.gate.records.times import Clock, check_measured_at, system_clock, to_us_checked

SUFFIXES: Final = (".csv", ".tsv", ".txt")
_ROW: Final = "LIS row"
_RECORD_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_CENSORED: Final = re.compile(r"([<>])=?\s*(.+)")


@dataclass(frozen=True, slots=True)
class _Judged:
    row: ObservationRow | RemovedObservation | DoseRow | RemovedDose
    censored: bool = False

    def ensure_patient(self, writer: StoreWriter, where: Provenance) -> None:
        if isinstance(self.row, ObservationRow | DoseRow):
            writer.ensure_patient(self.row.record_id, where)

    def put(self, writer: StoreWriter, where: Provenance) -> str:
        if isinstance(self.row, DoseRow | RemovedDose):
            return writer.put_dose(self.row, where)
        return writer.put_observation(self.row, where)


@dataclass(frozen=True, slots=True)
class _Named:
    """What a row is about, known before it is judged whether the row can be used."""

    local: LocalCode
    code: LabCode
    drug: Drug | None
    identity: str
    updated_us: int

    def supersede(self, writer: StoreWriter, where: Provenance) -> None:
        """A row that is not used still says that the older ones of its result no longer hold."""
        refuse = writer.refuse_observation if self.drug is None else writer.refuse_dose
        refuse(self.identity, Version(self.updated_us), where)


class _Skipped(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def load_lis(
    store: RecordStore,
    places: Path | Sequence[Path],
    mapping: LisMapping,
    *,
    clock: Clock = system_clock,
    progress: Progress | None = None,
) -> LoadReport:
    """Load results from CSV files and folders, in one transaction.

    A bad row is reported and stops nothing else; a file whose header lacks a mapped column is
    reported at line 1 and has no usable row. Raises as `load_fhir`.
    """
    sources = find_sources(places, SUFFIXES)
    now = clock()
    load = Load(store, progress)
    with store.loading() as writer:
        for source in sources:
            digest = load.digest_of(source)
            judge: _RowJudge | None = None
            header_read = False
            for line in load.lines(source):
                where = Provenance(digest, line.number)
                named: _Named | None = None
                try:
                    fields = _fields(line, mapping)
                    if not header_read:
                        header_read = True
                        judge = _RowJudge(fields, mapping, now)
                        continue
                    if judge is None:
                        continue
                    named = judge.name(fields)
                    judged = judge(fields, named)
                    if mapping.unknown_patients == "create":
                        judged.ensure_patient(writer, where)
                    outcome = judged.put(writer, where)
                except _Skipped as skipped:
                    if named is not None:
                        named.supersede(writer, where)
                    load.report.skipped[skipped.why] += 1
                    continue
                except Refused as refused:
                    header_read = True
                    load.reject(
                        source, line.number, _ROW, named.identity if named else None, refused
                    )
                    if named is not None:
                        named.supersede(writer, where)
                    continue
                load.report.count(_ROW, outcome)
                load.report.censored += judged.censored
                _count_conversion(load.report, judged.row)
    return load.report


def _count_conversion(
    report: LoadReport, row: ObservationRow | RemovedObservation | DoseRow | RemovedDose
) -> None:
    if isinstance(row, ObservationRow | DoseRow):
        code, unit = row.measurement.code, row.measurement.source_unit
        if unit != code.unit:
            report.conversions[code.loinc, unit, code.unit] += 1


def _fields(line: Line, mapping: LisMapping) -> list[str]:
    if line.problem is not None:
        raise Refused(line.problem)
    form = mapping.csv
    try:
        text = line.data.decode(form.encoding)
        rows = list(csv.reader([text], delimiter=form.delimiter, quotechar=form.quote, strict=True))
    except UnicodeDecodeError:
        raise Refused(Code.LINE_NOT_UTF8, f"not {form.encoding}") from None
    except csv.Error:
        raise Refused(Code.LINE_NOT_CSV) from None
    if len(rows) != 1:
        raise Refused(Code.LINE_NOT_CSV)
    return [field.strip() for field in rows[0]]


class _RowJudge:
    """Turns a row's fields into a row of the store, or refuses or skips it."""

    def __init__(self, header: list[str], mapping: LisMapping, now: datetime) -> None:
        wanted = mapping.columns.model_dump(exclude_none=True)
        lacking = sorted(name for name in wanted.values() if header.count(name) != 1)
        if lacking:
            # These names are the mapping's own, so they may be shown.
            detail = f"the header must hold once each: {', '.join(lacking)}"
            raise Refused(Code.LINE_NOT_CSV, detail)
        self._at = {role: header.index(name) for role, name in wanted.items()}
        self._width = len(header)
        self._mapping = mapping
        self._zone = mapping.zone()
        self._now = now

    def name(self, fields: list[str]) -> _Named:
        """Which result a row is of, and how new it is."""
        mapping = self._mapping
        if len(fields) != self._width:
            raise Refused(Code.LINE_NOT_CSV, f"{len(fields)} fields instead of {self._width}")
        local = mapping.codes.get(self._get(fields, "code"))
        if local is None:
            if not self._get(fields, "code"):
                raise Refused(Code.CODE_MISSING)
            if mapping.unknown_codes == "skip":
                raise _Skipped("code not mapped")
            raise Refused(Code.CODE_NOT_MAPPED, f"code {shown(self._get(fields, 'code'))}")
        drug = DRUGS.get(local.quantity)
        code = find_channel(local.quantity)
        if code is None:  # the mapping was validated against the same table
            raise Refused(Code.CODE_NOT_IN_TABLE)
        updated = self._get(fields, "updated")
        updated_us = self._time(updated) if updated else NEVER
        return _Named(local, code, drug, self._identity(fields, code), updated_us)

    def __call__(self, fields: list[str], named: _Named) -> _Judged:
        identity, drug = named.identity, named.drug
        removed = self._removed(fields)
        version = Version(named.updated_us, -1, removed)
        if removed:  # before a faulty row could keep a withdrawn result alive
            withdrawn = RemovedObservation if drug is None else RemovedDose
            return _Judged(withdrawn(identity, version))
        record_id, time_us = self._record_id(fields), self._time(self._get(fields, "time"))
        check_measured_at(time_us, self._now)
        measurement, censored = self._measure(fields, named.code, named.local.unit)
        if drug is not None:
            dose = measure_dose(drug, measurement.source_value, measurement.source_unit)
            return _Judged(DoseRow(identity, record_id, time_us, None, dose, version), censored)
        row = ObservationRow(identity, record_id, time_us, measurement, version)
        return _Judged(row, censored)

    def _record_id(self, fields: list[str]) -> str:
        given = self._get(fields, "patient")
        record_id = self._mapping.patient_prefix + given
        if not given or not _RECORD_ID.fullmatch(record_id):
            raise Refused(Code.SUBJECT_MISSING, "patient ids are 1 to 64 letters, digits, - or .")
        return record_id

    def _get(self, fields: list[str], role: str) -> str:
        return fields[self._at[role]] if role in self._at else ""

    def _time(self, text: str) -> int:
        if not text:
            raise Refused(Code.DATE_MISSING)
        for form in self._mapping.time_formats:
            try:
                found = datetime.strptime(text, form)
            except ValueError:
                continue
            return to_us_checked(found if found.tzinfo else found.replace(tzinfo=self._zone))
        raise Refused(Code.DATE_INVALID)

    def _removed(self, fields: list[str]) -> bool:
        statuses = self._mapping.statuses
        if statuses is None:
            return False
        status = self._get(fields, "status")
        if status in statuses.removed:
            return True
        if status not in statuses.final:
            raise Refused(Code.FHIR_STATUS_NOT_FINAL, f"status {shown(status)}")
        return False

    def _identity(self, fields: list[str], code: LabCode) -> str:
        given = self._get(fields, "result_id")
        if given:
            parts: list[object] = [given, code.loinc]
        else:
            time_us = self._time(self._get(fields, "time"))
            parts = [self._record_id(fields), code.loinc, time_us]
        # A colon cannot be in a FHIR id, so the two kinds never meet.
        return "lis:" + json.dumps(parts)

    def _measure(
        self, fields: list[str], code: LabCode, default_unit: str | None
    ) -> tuple[Measurement, bool]:
        text = self._get(fields, "value")
        if text in self._mapping.missing:
            raise _Skipped("value missing")
        if not text:
            raise Refused(Code.VALUE_MISSING, code.loinc)
        factor = 1.0
        limit = _CENSORED.fullmatch(text)
        if limit is not None:
            rule = self._mapping.censored
            kind = rule.below if limit[1] == "<" else rule.above
            if kind == "reject":
                raise Refused(Code.VALUE_CENSORED, code.loinc)
            factor = 0.5 if kind == "half" else 1.0
            text = limit[2]
        unit = self._get(fields, "unit")
        unit = self._mapping.units.get(unit, unit) or default_unit or ""
        return measure(code, self._number(text, code) * factor, unit), limit is not None

    def _number(self, text: str, code: LabCode) -> float:
        mark = re.escape(self._mapping.csv.decimal)
        if not re.fullmatch(rf"[+-]?\d+({mark}\d+)?([eE][+-]?\d+)?", text, re.ASCII):
            raise Refused(Code.VALUE_NOT_NUMBER, code.loinc)
        return float(text.replace(self._mapping.csv.decimal, "."))
