"""One centre's records as a FHIR R4 Bulk Data export: one NDJSON file for each kind of resource.

Codes: LOINC and UCUM for results; RxNorm 5552 (hydroxyurea) and 197797 (hydroxyurea 500 mg oral
capsule) for treatment; ICD-10-CM D57 for the disease and its crises.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from federation.gate.records.codes import CODES
from federation.gate.records.datasets.sickle_cell import centres as c
from federation.gate.records.datasets.sickle_cell.centres import Centre
from federation.gate.records.datasets.sickle_cell.course import Dose
from federation.gate.records.datasets.sickle_cell.patients import Patient, Result
from federation.gate.records.fhir_resources import LOINC_SYSTEM, UCUM_SYSTEM

EPOCH: Final = datetime(2018, 1, 1, tzinfo=UTC)
"""Everyone's first visit: a cohort in days has no calendar."""

RXNORM_SYSTEM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD_SYSTEM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_ACT: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_DISEASE: Final = {
    "SS": ("D57.1", "Sickle-cell disease without crisis"),
    "SB0": ("D57.40", "Sickle-cell thalassemia without crisis"),
    "SC": ("D57.20", "Sickle-cell/Hb-C disease without crisis"),
}
_CRISIS: Final = {
    "SS": ("D57.00", "Hb-SS disease with crisis, unspecified"),
    "SB0": ("D57.419", "Sickle-cell thalassemia, unspecified, with crisis"),
    "SC": ("D57.219", "Sickle-cell/Hb-C disease with crisis, unspecified"),
}
_VITALS: Final = frozenset({c.WEIGHT, c.HEART_RATE, c.OXYGEN})

Resource = dict[str, Any]


class FhirFiles:
    """Writes one centre's five files; use in a `with`, then call `add` for each patient."""

    def __init__(self, centre: Centre, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._capsules = centre.dosing.portion >= 500
        kinds = ("Patient", "Condition", "Observation", "MedicationStatement", "Encounter")
        self._files = {kind: (folder / f"{kind}.ndjson").open("wb") for kind in kinds}

    def __enter__(self) -> FhirFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, patient: Patient) -> None:
        """Append one patient's resources."""
        resources: Iterable[Resource] = (
            patient_resource(patient),
            _condition(patient),
            *(observation_resource(patient, one, i) for i, one in enumerate(patient.results)),
            *medication_resources(patient, capsules=self._capsules),
            *(_crisis(patient, day) for day in patient.course.crises),
        )
        for one in resources:
            line = json.dumps(one, separators=(",", ":")).encode() + b"\n"
            self._files[one["resourceType"]].write(line)


def patient_resource(patient: Patient) -> Resource:
    """A Patient: no name, and of the birth date the year alone."""
    born = EPOCH - timedelta(days=patient.traits.age * 365.25)
    return {
        "resourceType": "Patient",
        "id": patient.record_id,
        "meta": {"versionId": "1"},
        "active": True,
        "gender": patient.traits.sex,
        "birthDate": f"{born.year:04d}",
    }


def observation_resource(patient: Patient, result: Result, number: int) -> Resource:
    """One result. A visit's have a date, a wearable's a time."""
    kind = "vital-signs" if result.loinc in _VITALS else "laboratory"
    kind = "survey" if result.loinc == c.PAIN else kind
    return {
        "resourceType": "Observation",
        "id": f"{patient.record_id}-{number}",
        "meta": {"versionId": "1"},
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": kind}]}],
        "code": {
            "coding": [
                {
                    "system": LOINC_SYSTEM,
                    "code": result.loinc,
                    "display": CODES[result.loinc].display,
                }
            ]
        },
        "subject": {"reference": f"Patient/{patient.record_id}"},
        "effectiveDateTime": time_of(result.day),
        "valueQuantity": {
            "value": result.value,
            "unit": result.unit,
            "system": UCUM_SYSTEM,
            "code": result.unit,
        },
    }


def medication_resources(patient: Patient, *, capsules: bool) -> Iterator[Resource]:
    """One MedicationStatement for each prescription, from its day to the day before the next.

    A pause is `on-hold`; before the first prescription of a patient whose treatment began after the
    first visit there is one that is `not-taken`.
    """
    doses = list(patient.doses)
    if not doses or doses[0].day > 0:
        doses.insert(0, Dose(0, 0.0, patient.traits.weight(0)))
    codings = [{"system": RXNORM_SYSTEM, "code": "5552", "display": "hydroxyurea"}]
    if capsules:
        codings.append(
            {
                "system": RXNORM_SYSTEM,
                "code": "197797",
                "display": "hydroxyurea 500 MG Oral Capsule",
            }
        )
    for number, dose in enumerate(doses):
        last = number + 1 == len(doses)
        period = {"start": day_of(dose.day)}
        if not last:
            period["end"] = day_of(max(dose.day, doses[number + 1].day - 1))
        found: Resource = {
            "resourceType": "MedicationStatement",
            "id": f"{patient.record_id}-hu-{number}",
            "meta": {"versionId": "1"},
            "status": "active" if last else "completed",
            "medicationCodeableConcept": {"coding": codings},
            "subject": {"reference": f"Patient/{patient.record_id}"},
            "effectivePeriod": period,
        }
        if dose.milligrams > 0:
            found["dosage"] = [_dosage(dose)]
        else:
            started = any(one.milligrams > 0 for one in doses[:number])
            found["status"] = "on-hold" if started else "not-taken"
        yield found


def _dosage(dose: Dose) -> Resource:
    return {
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [
            {
                "doseQuantity": {
                    "value": dose.milligrams,
                    "unit": "mg",
                    "system": UCUM_SYSTEM,
                    "code": "mg",
                }
            }
        ],
    }


def _condition(patient: Patient) -> Resource:
    code, display = _DISEASE[patient.traits.genotype]
    return {
        "resourceType": "Condition",
        "id": f"{patient.record_id}-scd",
        "meta": {"versionId": "1"},
        "code": {"coding": [{"system": ICD_SYSTEM, "code": code, "display": display}]},
        "subject": {"reference": f"Patient/{patient.record_id}"},
    }


def _crisis(patient: Patient, day: int) -> Resource:
    code, display = _CRISIS[patient.traits.genotype]
    return {
        "resourceType": "Encounter",
        "id": f"{patient.record_id}-voc-{day}",
        "meta": {"versionId": "1"},
        "status": "finished",
        "class": {"system": _ACT, "code": "EMER", "display": "emergency"},
        "subject": {"reference": f"Patient/{patient.record_id}"},
        "period": {"start": day_of(day)},
        "reasonCode": [{"coding": [{"system": ICD_SYSTEM, "code": code, "display": display}]}],
    }


def day_of(day: int) -> str:
    """A whole day since the first visit, as a FHIR date."""
    return date.isoformat((EPOCH + timedelta(days=day)).date())


def time_of(day: float) -> str:
    """A day since the first visit: a date, or with its hour an instant."""
    if float(day).is_integer():
        return day_of(int(day))
    moment = EPOCH + timedelta(minutes=round(day * 24 * 60))
    return moment.strftime("%Y-%m-%dT%H:%M:00Z")
