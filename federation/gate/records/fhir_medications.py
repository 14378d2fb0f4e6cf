"""Judging one FHIR R4 MedicationStatement: into a dose a day of the store, refused, or not used.

What is read, from the R4 definition (hl7.org/fhir/R4/medicationstatement.html, dosage.html and
datatypes.html#timing): which drug, from when until when, and how much a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from fhir.resources.R4B.medicationstatement import MedicationStatement

from federation.gate.records.doses import Drug, find_drug, measure_dose
from federation.gate.records.fhir_resources import (
    UCUM_SYSTEM,
    Resource,
    Rules,
    check_structure,
    required_id,
    subject_of,
    version_of,
)
from federation.gate.records.rejections import Refused, shown
from federation.gate.records.rejections import RejectionCode as Code
from federation.gate.records.rows import DoseRow, Measurement, RemovedDose
from federation.gate.records.times import check_measured_at, from_us, parse_fhir_time, to_us_checked

RXNORM_SYSTEM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
DRUG_FORM_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"

# http://hl7.org/fhir/R4/valueset-medication-statement-status.html
_TAKEN: Final = frozenset({"active", "completed", "stopped"})
_NOT_TAKEN: Final = frozenset({"on-hold", "not-taken"})
_OVER: Final = frozenset({"completed", "stopped"})
_UNDECIDED: Final = frozenset({"intended", "unknown"})
_REMOVED: Final = "entered-in-error"

# Days in one unit of Timing.repeat.periodUnit; months and years have no fixed length.
_DAYS: Final = {"h": 1 / 24, "d": 1.0, "wk": 7.0}
# Times a day of http://hl7.org/fhir/R4/valueset-timing-abbreviation.html; others are not used.
_TIMES_A_DAY: Final = {
    "BID": 2.0,
    "TID": 3.0,
    "QID": 4.0,
    "AM": 1.0,
    "PM": 1.0,
    "QD": 1.0,
    "BED": 1.0,
    "QOD": 0.5,
    "WK": 1 / 7,
}
# Elements of Timing.repeat that say no more than the statement's own period, or only when in a day.
_HARMLESS: Final = frozenset({"boundsPeriod", "boundsDuration", "timeOfDay"})
_COUNTED: Final = frozenset({"frequency", "period", "periodUnit"})


def judge_medication(resource: Resource, rules: Rules) -> DoseRow | RemovedDose | None:
    """A MedicationStatement as a dose; None when it is of a drug that no model uses.

    A withdrawal (entered-in-error) is honoured before anything else is looked at. A dose is in
    force from the start of its effective time; `completed` and `stopped` end it with their period.
    `on-hold` and `not-taken` are a dose of 0.
    """
    drug = drug_of(resource)
    if drug is None:
        return None
    identity, status = required_id(resource), resource.get("status")
    if status == _REMOVED:
        return RemovedDose(identity, version_of(resource, rules, removed=True))
    version = version_of(resource, rules, removed=False)
    check_structure(MedicationStatement, resource)
    if status in _UNDECIDED:
        raise Refused(Code.FHIR_STATUS_NOT_FINAL, f"status {shown(status)}")
    if status not in _TAKEN | _NOT_TAKEN:
        raise Refused(Code.FHIR_STATUS_UNKNOWN, f"status {shown(status)}")
    record_id = subject_of(resource, rules)
    if status in _NOT_TAKEN:
        measurement = measure_dose(drug, 0.0, drug.quantity.unit)
    else:
        measurement = _dose_a_day(resource.get("dosage"), drug, _products(resource))
    start_us, stop_us = _period(resource, rules, over=status in _OVER)
    if status == "stopped" and stop_us is None:
        raise Refused(Code.DATE_MISSING, "a stopped dose needs effectivePeriod.end")
    return DoseRow(identity, record_id, start_us, stop_us, measurement, version)


def withdrawal_of(resource: Resource, rules: Rules) -> RemovedDose:
    """What a newer version that names another drug means for the dose that was stored."""
    return RemovedDose(required_id(resource), version_of(resource, rules, removed=True))


def drug_of(resource: Resource) -> Drug | None:
    """The accepted drug that the statement's RxNorm codings name, if any does."""
    found = {id(drug): drug for text in _products(resource) if (drug := find_drug(text))}
    if len(found) > 1:
        names = sorted(drug.quantity.loinc for drug in found.values())
        raise Refused(Code.CODE_AMBIGUOUS, ", ".join(names))
    return next(iter(found.values()), None)


def _products(resource: Resource) -> tuple[str, ...]:
    concept = resource.get("medicationCodeableConcept")
    listed = concept.get("coding") if isinstance(concept, dict) else None
    return tuple(
        str(coding.get("code"))
        for coding in (listed if isinstance(listed, list) else [])
        if isinstance(coding, dict) and coding.get("system") == RXNORM_SYSTEM
    )


def _dose_a_day(listed: Any, drug: Drug, products: tuple[str, ...]) -> Measurement:
    """The sum of what is taken a day; several dosages must be taken together."""
    name = drug.quantity.loinc
    dosages = [one for one in listed or [] if isinstance(one, dict)]
    if not dosages:
        raise Refused(Code.DOSE_UNCLEAR, f"{name}: no dosage")
    if len({one.get("sequence") for one in dosages}) > 1:
        raise Refused(Code.DOSE_UNCLEAR, f"{name}: one dosage after another")
    parts = [_one_dosage(one, drug, products) for one in dosages]
    if len(parts) == 1:
        return measure_dose(drug, *parts[0])
    units = {unit for _, unit in parts}
    if len(units) > 1:
        raise Refused(Code.DOSE_UNCLEAR, f"{name}: dosages in several units")
    return measure_dose(drug, sum(value for value, _ in parts), units.pop())


def _one_dosage(
    dosage: Mapping[str, Any], drug: Drug, products: tuple[str, ...]
) -> tuple[float, str]:
    """(amount a day, UCUM unit)."""
    name = drug.quantity.loinc
    if dosage.get("asNeededBoolean") or dosage.get("asNeededCodeableConcept"):
        raise Refused(Code.DOSE_UNCLEAR, f"{name}: as needed")
    if dosage.get("modifierExtension"):
        raise Refused(Code.FHIR_MODIFIER)
    rates = dosage.get("doseAndRate") or []
    if len(rates) != 1 or not isinstance(rates[0].get("doseQuantity"), dict):
        raise Refused(Code.DOSE_UNCLEAR, f"{name}: not one doseQuantity")
    quantity = rates[0]["doseQuantity"]
    if quantity.get("comparator") is not None:
        raise Refused(Code.VALUE_CENSORED, name)
    value, unit = quantity.get("value"), quantity.get("code")
    if value is None:
        raise Refused(Code.VALUE_MISSING, name)
    if not unit:
        raise Refused(Code.UNIT_MISSING, name)
    amount = _number(value, name) * _times_a_day(dosage.get("timing"), name)
    if _counts_units(quantity):
        strengths = {mg for text in products if (mg := drug.products.get(text)) is not None}
        if len(strengths) != 1:
            raise Refused(Code.DOSE_UNCLEAR, f"{name}: units of an unknown product")
        return amount * strengths.pop(), "mg/d"
    if quantity.get("system") != UCUM_SYSTEM:
        raise Refused(Code.UNIT_NOT_UCUM, f"{name}: doseQuantity.system is not UCUM's")
    return amount, f"{unit}/d"


def _counts_units(quantity: Mapping[str, Any]) -> bool:
    """Whether the amount is a number of capsules: a drug form, or UCUM's 1 and its annotations."""
    unit, system = str(quantity["code"]), quantity.get("system")
    if system == DRUG_FORM_SYSTEM:
        return unit in {"CAP", "ORCAP"}
    return system == UCUM_SYSTEM and (unit == "1" or unit.startswith("{"))


def _times_a_day(timing: Any, name: str) -> float:
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    if isinstance(repeat, dict) and repeat:
        if not _COUNTED - {"frequency"} <= repeat.keys() <= _COUNTED | _HARMLESS:
            raise Refused(Code.DOSE_UNCLEAR, f"{name}: timing.repeat")
        days = _number(repeat["period"], name) * _DAYS.get(str(repeat["periodUnit"]), 0.0)
        if not days > 0:
            raise Refused(Code.DOSE_UNCLEAR, f"{name}: timing.repeat.period")
        return _number(repeat.get("frequency", 1), name) / days
    code = timing.get("code") if isinstance(timing, dict) else None
    listed = (code.get("coding") if isinstance(code, dict) else None) or []
    times = {_TIMES_A_DAY.get(str(one.get("code"))) for one in listed if isinstance(one, dict)}
    found = times.pop() if len(times) == 1 else None
    if found is None:
        raise Refused(Code.DOSE_UNCLEAR, f"{name}: no timing")
    return found


def _number(value: object, name: str) -> float:
    # fhir.resources takes numbers written as text, too.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(Code.VALUE_NOT_NUMBER, name)
    try:
        return float(value)
    except OverflowError:
        raise Refused(Code.VALUE_NOT_FINITE, name) from None


def _period(resource: Resource, rules: Rules, *, over: bool) -> tuple[int, int | None]:
    """(start, end), the end None unless the statement says that it is over."""
    period = resource.get("effectivePeriod")
    period = period if isinstance(period, dict) else {}
    start_us = parse_fhir_time(period.get("start") or resource.get("effectiveDateTime"), rules.zone)
    check_measured_at(start_us, rules.now)
    end = period.get("end")
    if not end:
        return start_us, None
    stop_us = parse_fhir_time(end, rules.zone)
    if stop_us < start_us:
        raise Refused(Code.DATE_IMPLAUSIBLE, "effectivePeriod ends before it starts")
    if not over:  # a day that is planned, or that nobody kept up with
        return start_us, None
    check_measured_at(stop_us, rules.now)
    return start_us, stop_us if "T" in end else _next_midnight(stop_us, rules)


def _next_midnight(day_us: int, rules: Rules) -> int:
    # FHIR's Period includes its last day. Local days are not all 24 hours long.
    day: datetime = from_us(day_us).astimezone(rules.zone) + timedelta(days=1)
    return to_us_checked(day.replace(tzinfo=None).replace(tzinfo=rules.zone))
