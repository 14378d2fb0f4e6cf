"""Loading a FHIR R4 Bulk Data export: any number of NDJSON files, plain or gzip.

What a line is comes from its resourceType, not from its file's name. Patients of all files are
read before results and doses of any, so neither the order of files nor of lines matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final

from federation.gate.records.fhir_deletions import BUNDLE, judge_deletions
from federation.gate.records.fhir_medications import drug_of, judge_medication, withdrawal_of
from federation.gate.records.fhir_resources import (
    Resource,
    Rules,
    judge_observation,
    judge_patient,
    parse_line,
    resource_id,
    version_of,
)
from federation.gate.records.lines import Line, Progress, Source, find_sources
from federation.gate.records.loading import Load
from federation.gate.records.rejections import Refused
from federation.gate.records.report import LoadReport
from federation.gate.records.rows import (
    DoseRow,
    ObservationRow,
    PatientRow,
    Provenance,
    RemovedDose,
    RemovedObservation,
)
from federation.gate.records.store import RecordStore
from federation.gate.records.store_writer import StoreWriter
from federation.gate.records.times import Clock, system_clock

SUFFIXES: Final = (".ndjson", ".jsonl")
_LONGEST_TYPE: Final = 40
_PATIENT: Final = "Patient"
_OBSERVATION: Final = "Observation"
_MEDICATION: Final = "MedicationStatement"
_OTHER_DRUG: Final = "MedicationStatement of another drug"


def load_fhir(
    store: RecordStore,
    places: Path | Sequence[Path],
    *,
    zone: tzinfo = UTC,
    base_url: str | None = None,
    clock: Clock = system_clock,
    progress: Progress | None = None,
) -> LoadReport:
    """Load Patients, Observations and MedicationStatements from files and folders, in one
    transaction.

    `zone` is where dates without a time were written; `base_url` is the FHIR server whose absolute
    subject references are this site's own. A bad line is reported and stops nothing else.

    Raises InputMissing, InputEmpty, InputChanged, InputUnreadable, StoreBusy, StoreCorrupt; then
    nothing of the load is kept.
    """
    sources = find_sources(places, SUFFIXES)
    rules = Rules(clock(), zone, base_url.rstrip("/") if base_url else None)
    load = Load(store, progress)
    with store.loading() as writer:
        for source in sources:
            load.digest_of(source)
        doses: set[str] = set()
        for source in sources:
            for line in load.lines(source):
                _first_pass(load, source, line, rules, writer, doses)
        load.report.dropped_with_patient = writer.drop_orphans()
        for source in sources:
            for line in load.lines(source):
                _second_pass(load, source, line, rules, writer, doses)
    return load.report


def _first_pass(
    load: Load, source: Source, line: Line, rules: Rules, writer: StoreWriter, doses: set[str]
) -> None:
    """Patients, the lines that are no resource at all, and which ids are doses of an accepted
    drug."""
    kind, identity = "", None
    try:
        resource = _resource(line)
        kind, identity = str(resource["resourceType"]), resource_id(resource)
        if kind == _PATIENT:
            row = judge_patient(resource, rules)
            outcome = writer.put_patient(row, Provenance(load.sha256[source.path], line.number))
            load.report.count(_PATIENT, outcome)
        elif kind == _MEDICATION:
            if identity is not None and _names_a_drug(resource):
                doses.add(identity)
        elif kind == BUNDLE and (deleted := judge_deletions(resource, rules)) is not None:
            where = Provenance(load.sha256[source.path], line.number)
            for one, deleted_id in deleted.resources:
                if one == _PATIENT:
                    gone = PatientRow(deleted_id, deleted.version)
                    load.report.count(_PATIENT, writer.put_patient(gone, where))
        elif kind != _OBSERVATION:
            is_type = kind.isascii() and kind.isalpha() and len(kind) <= _LONGEST_TYPE
            load.report.skipped[kind if is_type else "(not a FHIR type)"] += 1
    except Refused as refused:
        load.reject(source, line.number, kind, identity, refused)


def _names_a_drug(resource: Resource) -> bool:
    try:
        return drug_of(resource) is not None
    except Refused:
        return False  # the second pass refuses it


def _second_pass(
    load: Load, source: Source, line: Line, rules: Rules, writer: StoreWriter, doses: set[str]
) -> None:
    """Results and doses; what the first pass refused is not refused again."""
    try:
        resource = _resource(line)
    except Refused:
        return
    kind, where = resource["resourceType"], Provenance(load.sha256[source.path], line.number)
    row: ObservationRow | RemovedObservation | DoseRow | RemovedDose | None
    try:
        if kind == _OBSERVATION:
            row = judge_observation(resource, rules)
            outcome = writer.put_observation(row, where)
        elif kind == _MEDICATION:
            row = judge_medication(resource, rules)
            if row is None and _was_a_dose(resource, writer, doses):
                row = withdrawal_of(resource, rules)
            if row is None:
                load.report.skipped[_OTHER_DRUG] += 1
                return
            outcome = writer.put_dose(row, where)
        else:
            if kind == BUNDLE:
                _delete(load, resource, rules, writer, where)
            return
    except Refused as refused:
        load.reject(source, line.number, kind, resource_id(resource), refused)
        _supersede(resource, rules, writer, where)
        return
    load.report.count(kind, outcome)
    if isinstance(row, ObservationRow | DoseRow):
        code, unit = row.measurement.code, row.measurement.source_unit
        if unit != code.unit:
            load.report.conversions[code.loinc, unit, code.unit] += 1


def _delete(
    load: Load, resource: Resource, rules: Rules, writer: StoreWriter, where: Provenance
) -> None:
    """Results and doses that their server has deleted; the first pass has refused what it could."""
    try:
        deleted = judge_deletions(resource, rules)
    except Refused:
        return
    if deleted is None:
        return
    for kind, identity in deleted.resources:
        if kind == _OBSERVATION:
            gone = RemovedObservation(identity, deleted.version)
            load.report.count(kind, writer.put_observation(gone, where))
        elif kind == _MEDICATION:
            dose = RemovedDose(identity, deleted.version)
            load.report.count(kind, writer.put_dose(dose, where))


def _supersede(resource: Resource, rules: Rules, writer: StoreWriter, where: Provenance) -> None:
    """A refused version of a result or dose still says that the older ones no longer hold."""
    identity = resource_id(resource)
    if identity is None:
        return
    try:
        version = version_of(resource, rules, removed=False)
    except Refused:
        return  # nothing says whether it is newer
    if resource["resourceType"] == _OBSERVATION:
        writer.refuse_observation(identity, version, where)
    else:
        writer.refuse_dose(identity, version, where)


def _was_a_dose(resource: Resource, writer: StoreWriter, doses: set[str]) -> bool:
    """Whether another version of this statement, of another drug now, is or was to be stored."""
    identity = resource_id(resource)
    return identity is not None and (identity in doses or writer.holds_dose(identity))


def _resource(line: Line) -> Resource:
    if line.problem is not None:
        raise Refused(line.problem)
    return parse_line(line.data)
