"""Judging one FHIR R4 resource: into a row of the store, or refused with a code.

`fhir.resources` checks structure. It accepts any status, code, unit and date, so bindings, codes,
units, values and dates are checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, NoReturn

from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.patient import Patient
from pydantic import ValidationError

from federation.gate.records.codes import LabCode
from federation.gate.records.rejections import Refused, shown
from federation.gate.records.rejections import RejectionCode as Code
from federation.gate.records.rows import (
    NEVER,
    Measurement,
    ObservationRow,
    PatientRow,
    RemovedObservation,
    Version,
    accepted_code,
    measure,
)
from federation.gate.records.times import check_measured_at, earliest_birth, parse_fhir_time

LOINC_SYSTEM: Final = "http://loinc.org"
UCUM_SYSTEM: Final = "http://unitsofmeasure.org"

# http://hl7.org/fhir/R4/valueset-observation-status.html
_USED_STATUS: Final = frozenset({"final", "amended", "corrected"})
_REMOVED_STATUS: Final = frozenset({"entered-in-error", "cancelled"})
_OTHER_STATUS: Final = frozenset({"registered", "preliminary", "unknown"})
# http://hl7.org/fhir/R4/valueset-administrative-gender.html
_GENDERS: Final = frozenset({"male", "female", "other", "unknown"})

_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_REFERENCE: Final = re.compile(
    r"(?:(?P<base>https?://\S+?)/)?Patient/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/[^/\s]+)?"
)
_MAX_VERSION_DIGITS: Final = 18  # fits SQLite's integer

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What judging depends on besides the resource.

    `now` has a zone; `zone` is where dates without a time were written; `base_url` is the FHIR
    server whose absolute references may be followed, without a final slash.
    """

    now: datetime
    zone: tzinfo
    base_url: str | None = None


def parse_line(data: bytes) -> Resource:
    """One NDJSON line as a JSON object with a resourceType.

    Refuses LINE_NOT_UTF8, LINE_NOT_JSON (also NaN, Infinity and repeated keys, which readers
    understand differently) and LINE_NOT_RESOURCE.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(Code.LINE_NOT_UTF8) from None
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(Code.LINE_NOT_JSON) from None
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise Refused(Code.LINE_NOT_RESOURCE)
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def resource_id(resource: Resource) -> str | None:
    """The resource's id when it is a valid one."""
    found = resource.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def judge_patient(resource: Resource, rules: Rules) -> PatientRow:
    """A Patient as a row. One that is inactive (`active: false`), or that was merged into another
    (a link of type `replaced-by`: it "must no longer be used", says R4), becomes a removal.

    A removal is honoured before anything else is looked at, as of an Observation.
    """
    record_id = required_id(resource)
    if resource.get("active") is False or _is_replaced(resource):
        return PatientRow(record_id, version_of(resource, rules, removed=True))
    version = version_of(resource, rules, removed=False)
    check_structure(Patient, resource)
    gender = resource.get("gender")
    if gender is not None and gender not in _GENDERS:
        raise Refused(Code.FHIR_GENDER_UNKNOWN, f"gender {shown(gender)}")
    birth_date = resource.get("birthDate")
    birth_us = earliest_birth(birth_date, rules.now)
    return PatientRow(record_id, version, birth_date, birth_us, gender)


def _is_replaced(resource: Resource) -> bool:
    links = resource.get("link")
    return isinstance(links, list) and any(
        isinstance(link, dict) and link.get("type") == "replaced-by" for link in links
    )


def judge_observation(resource: Resource, rules: Rules) -> ObservationRow | RemovedObservation:
    """An Observation as a row.

    A withdrawal (entered-in-error, cancelled) is honoured before anything else is looked at, so
    that a faulty line cannot keep a withdrawn result alive.
    """
    identity = required_id(resource)
    status = resource.get("status")
    if status in _REMOVED_STATUS:
        return RemovedObservation(identity, version_of(resource, rules, removed=True))
    version = version_of(resource, rules, removed=False)
    check_structure(Observation, resource)
    if status in _OTHER_STATUS:
        raise Refused(Code.FHIR_STATUS_NOT_FINAL, f"status {shown(status)}")
    if status not in _USED_STATUS:
        raise Refused(Code.FHIR_STATUS_UNKNOWN, f"status {shown(status)}")
    record_id = subject_of(resource, rules)
    if resource.get("focus"):
        # What was measured is not the patient: a donor, a fetus, a parent. They consented to
        # nothing.
        raise Refused(Code.SUBJECT_NOT_IN_FOCUS)
    measurement = _measurement(resource, _code(resource))
    return ObservationRow(identity, record_id, _time(resource, rules), measurement, version)


def required_id(resource: Resource) -> str:
    """The resource's id; refuses FHIR_ID_MISSING."""
    found = resource_id(resource)
    if found is None:
        raise Refused(Code.FHIR_ID_MISSING)
    return found


def version_of(resource: Resource, rules: Rules, *, removed: bool) -> Version:
    """Which of two versions of the resource is newer; refuses FHIR_META_INVALID."""
    meta = resource.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    updated_us = NEVER
    if meta.get("lastUpdated") is not None:
        if "T" not in str(meta["lastUpdated"]):
            raise Refused(Code.FHIR_META_INVALID)
        try:
            updated_us = parse_fhir_time(meta["lastUpdated"], rules.zone)
        except Refused:
            raise Refused(Code.FHIR_META_INVALID) from None
    number = str(meta.get("versionId", ""))
    # A versionId that is no number does not say which of two versions is newer.
    counts = number.isascii() and number.isdigit() and len(number) <= _MAX_VERSION_DIGITS
    return Version(updated_us, int(number) if counts else -1, removed)


def check_structure(model: type[FHIRResourceModel], resource: Resource) -> None:
    """Refuse FHIR_INVALID, and FHIR_MODIFIER for what may change the resource's meaning."""
    try:
        model.model_validate(resource)
    except (ValidationError, RecursionError) as error:
        raise Refused(Code.FHIR_INVALID, _where(model, error)) from None
    if resource.get("modifierExtension") or resource.get("implicitRules"):
        raise Refused(Code.FHIR_MODIFIER)


def _where(model: type[FHIRResourceModel], error: Exception) -> str:
    # Only names that FHIR itself defines are shown: an unknown key may hold anything.
    known = {field.alias or name for name, field in model.model_fields.items()}
    if isinstance(error, ValidationError):
        for problem in error.errors(include_input=False, include_context=False, include_url=False):
            first = str(problem["loc"][0]) if problem["loc"] else ""
            if first in known:
                return f"element {first}"
    return "an element"


def subject_of(resource: Resource, rules: Rules) -> str:
    """The record id that `subject` names; refuses SUBJECT_MISSING, SUBJECT_OTHER_SERVER."""
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    if match is None:
        raise Refused(Code.SUBJECT_MISSING)
    if match["base"] is not None and match["base"] != rules.base_url:
        # Ids are unique on one server only: following another's would mix up patients.
        raise Refused(Code.SUBJECT_OTHER_SERVER)
    return match["id"]


def _code(resource: Resource) -> LabCode:
    code = resource.get("code")
    listed = (code.get("coding") if isinstance(code, dict) else None) or []
    codings = [coding for coding in listed if isinstance(coding, dict)]
    if not codings:
        raise Refused(Code.CODE_MISSING)
    texts = [c.get("code") for c in codings if c.get("system") == LOINC_SYSTEM]
    if not texts:
        raise Refused(Code.CODE_NOT_LOINC, "no coding has LOINC's system")
    found = {accepted_code(str(text)).loinc: accepted_code(str(text)) for text in texts}
    if len(found) > 1:
        raise Refused(Code.CODE_AMBIGUOUS, ", ".join(sorted(found)))
    return next(iter(found.values()))


def _measurement(resource: Resource, code: LabCode) -> Measurement:
    quantity = resource.get("valueQuantity")
    if quantity is None and code.unit == "{score}" and "valueInteger" in resource:
        return measure(code, float(resource["valueInteger"]), code.unit)
    if quantity is None or quantity.get("value") is None:
        raise Refused(Code.VALUE_MISSING, code.loinc)
    if quantity.get("comparator") is not None:
        raise Refused(Code.VALUE_CENSORED, code.loinc)
    value = quantity["value"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(Code.VALUE_NOT_NUMBER, code.loinc)
    try:
        number = float(value)
    except OverflowError:
        raise Refused(Code.VALUE_NOT_FINITE, code.loinc) from None
    unit = quantity.get("code")
    if unit is not None and quantity.get("system") != UCUM_SYSTEM:
        raise Refused(Code.UNIT_NOT_UCUM, f"{code.loinc}: valueQuantity.system is not UCUM's")
    return measure(code, number, unit or "")


def _time(resource: Resource, rules: Rules) -> int:
    text = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    period = resource.get("effectivePeriod")
    if text is None and isinstance(period, dict):
        # A specimen collected over a period is placed at its start, which all of FHIR requires.
        text = period.get("start")
        if text and period.get("end"):
            ends = parse_fhir_time(period["end"], rules.zone)
            if ends < parse_fhir_time(text, rules.zone):
                raise Refused(Code.DATE_IMPLAUSIBLE, "effectivePeriod ends before it starts")
    time_us = parse_fhir_time(text, rules.zone)
    check_measured_at(time_us, rules.now)
    return time_us
