"""Each way in which a line can be wrong, the code it gets, and that the good lines still load."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import pytest

from federation.gate.records.lines import MAX_LINE
from federation.gate.records.rejections import HOW_TO_FIX, RejectionCode
from federation.gate.records.report import MAX_LISTED

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def coding(*codes: str, system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def quantity(value: Any = 1.5, code: str = "mg/dL", **more: Any) -> dict[str, Any]:
    return {"value": value, "system": UCUM, "code": code} | more


OBSERVATIONS: list[tuple[str, dict[str, Any]]] = [
    ("FHIR_ID_MISSING", {"id": ...}),
    ("FHIR_ID_MISSING", {"id": "a b"}),
    ("FHIR_INVALID", {"surname": "Mustermann"}),
    ("FHIR_INVALID", {"status": 7}),
    ("FHIR_INVALID", {"effectiveDateTime": "2020-13-01"}),
    ("FHIR_INVALID", {"valueString": "high"}),
    ("FHIR_MODIFIER", {"modifierExtension": [{"url": "http://x.org/not", "valueBoolean": True}]}),
    ("FHIR_MODIFIER", {"implicitRules": "http://x.org/rules"}),
    ("FHIR_META_INVALID", {"meta": {"lastUpdated": "2020-01-01"}}),
    ("FHIR_STATUS_UNKNOWN", {"status": "bogus"}),
    ("FHIR_STATUS_NOT_FINAL", {"status": "preliminary"}),
    ("FHIR_STATUS_NOT_FINAL", {"status": "registered"}),
    ("FHIR_STATUS_NOT_FINAL", {"status": "unknown"}),
    ("SUBJECT_MISSING", {"subject": ...}),
    ("SUBJECT_MISSING", {"subject": {"reference": "Group/p1"}}),
    ("SUBJECT_MISSING", {"subject": {"reference": "#p1"}}),
    ("SUBJECT_OTHER_SERVER", {"subject": {"reference": "https://other.org/fhir/Patient/p1"}}),
    ("SUBJECT_UNKNOWN", {"subject": {"reference": "Patient/nobody"}}),
    ("CODE_MISSING", {"code": {"text": "bilirubin"}}),
    ("CODE_NOT_LOINC", {"code": coding("1975-2", system="http://snomed.info/sct")}),
    ("CODE_NOT_LOINC", {"code": coding("1975-3")}),
    ("CODE_NOT_LOINC", {"code": coding("bilirubin")}),
    ("CODE_NOT_IN_TABLE", {"code": coding("2345-7")}),
    ("CODE_AMBIGUOUS", {"code": coding("1975-2", "1751-7")}),
    ("VALUE_MISSING", {"valueQuantity": ...}),
    ("VALUE_MISSING", {"valueQuantity": {"system": UCUM, "code": "mg/dL"}}),
    ("VALUE_MISSING", {"valueQuantity": ..., "valueInteger": 3}),
    ("VALUE_NOT_NUMBER", {"valueQuantity": quantity("1.5")}),
    ("VALUE_NOT_FINITE", {"valueQuantity": quantity(10**400)}),
    ("VALUE_NEGATIVE", {"valueQuantity": quantity(-1.5)}),
    ("VALUE_IMPLAUSIBLE", {"valueQuantity": quantity(0)}),
    ("VALUE_IMPLAUSIBLE", {"valueQuantity": quantity(1500)}),
    ("VALUE_IMPLAUSIBLE", {"code": coding("1751-7"), "valueQuantity": quantity(42, "g/dL")}),
    ("VALUE_CENSORED", {"valueQuantity": quantity(0.2, comparator="<")}),
    ("UNIT_MISSING", {"valueQuantity": {"value": 1.5, "unit": "mg/dL"}}),
    ("UNIT_NOT_UCUM", {"valueQuantity": quantity(code="parsecs")}),
    ("UNIT_NOT_UCUM", {"valueQuantity": quantity(system="http://units.example.org")}),
    ("UNIT_NOT_CONVERTIBLE", {"valueQuantity": quantity(code="mm[Hg]")}),
    ("DATE_MISSING", {"effectiveDateTime": ...}),
    ("DATE_MISSING", {"effectiveDateTime": ..., "effectivePeriod": {"end": "2020-01-01"}}),
    ("DATE_TOO_COARSE", {"effectiveDateTime": "2020"}),
    ("DATE_TOO_COARSE", {"effectiveDateTime": "2020-03"}),
    ("DATE_IMPLAUSIBLE", {"effectiveDateTime": "1820-03-01"}),
    (
        "DATE_IMPLAUSIBLE",
        {
            "effectiveDateTime": ...,
            "effectivePeriod": {"start": "2020-02-02", "end": "2020-02-01"},
        },
    ),
    ("DATE_IN_FUTURE", {"effectiveDateTime": "2999-01-01"}),
    ("DATE_IN_FUTURE", {"effectiveDateTime": "2024-06-01T12:00:01Z"}),
    ("DATE_IN_FUTURE", {"effectiveDateTime": "2024-06-01T12:00:00.000001Z"}),
    ("DATE_BEFORE_BIRTH", {"effectiveDateTime": "1959-12-30"}),
]

PATIENTS: list[tuple[str, dict[str, Any]]] = [
    ("FHIR_ID_MISSING", {"id": ""}),
    ("FHIR_INVALID", {"name": "a text instead of a HumanName"}),
    ("FHIR_GENDER_UNKNOWN", {"gender": "f"}),
    ("DATE_IN_FUTURE", {"birthDate": "2999-01-01"}),
    ("DATE_IMPLAUSIBLE", {"birthDate": "1799"}),
]

RAW: list[tuple[str, bytes]] = [
    ("LINE_NOT_JSON", b'{"resourceType": "Observation", '),
    ("LINE_NOT_JSON", b"not json"),
    ("LINE_NOT_JSON", b'{"resourceType": "Patient", "id": "p2", "id": "p3"}'),
    ("LINE_NOT_JSON", b'{"resourceType": "Patient", "id": "p2", "multipleBirthInteger": NaN}'),
    ("LINE_NOT_JSON", b"[" * 100_000),
    ("LINE_NOT_RESOURCE", b"[1, 2]"),
    ("LINE_NOT_RESOURCE", b'{"id": "p2"}'),
    ("LINE_NOT_UTF8", b'{"resourceType": "Patient", "id": "\xff"}'),
    ("LINE_TOO_LONG", b'{"resourceType": "Patient", "id": "' + b"x" * (3 * MAX_LINE) + b'"}'),
]


@pytest.mark.parametrize(("code", "changes"), OBSERVATIONS)
def test_a_faulty_observation_is_refused_with_its_code_and_line(
    site: Any, patient: Any, observation: Any, code: str, changes: dict[str, Any]
) -> None:
    faulty = observation(**({"id": "faulty"} | changes))
    report = site.load(patient(), observation(id="before"), faulty, observation(id="after"))
    (rejection,) = report.rejections
    assert (rejection.code, rejection.line, rejection.resource) == (code, 3, "Observation")
    assert HOW_TO_FIX[rejection.code] in rejection.message
    assert report.rejected_by_code == {RejectionCode(code): 1}
    assert report.resources["Observation"] == {"added": 2}


@pytest.mark.parametrize(("code", "changes"), PATIENTS)
def test_a_faulty_patient_is_refused_and_so_are_their_results(
    site: Any, patient: Any, observation: Any, code: str, changes: dict[str, Any]
) -> None:
    theirs = observation(id="o2", subject={"reference": "Patient/p2"})
    report = site.load(patient(), patient(**({"id": "p2"} | changes)), theirs, observation())
    assert [r.code for r in report.rejections] == [code, "SUBJECT_UNKNOWN"]
    assert site.store.record_ids() == ["p1"]
    assert site.values() == [1.5]


@pytest.mark.parametrize(("code", "raw"), RAW)
def test_a_corrupt_line_stops_no_other(
    site: Any, patient: Any, observation: Any, code: str, raw: bytes
) -> None:
    report = site.load(patient(), raw, observation())
    (rejection,) = report.rejections
    assert (rejection.code, rejection.line) == (code, 2)
    assert site.values() == [1.5]


def test_every_code_says_how_to_fix_it() -> None:
    assert set(HOW_TO_FIX) == set(RejectionCode)
    assert all(len(sentence) > 30 for sentence in HOW_TO_FIX.values())


def test_a_report_holds_nothing_of_what_a_line_says_about_a_patient(
    site: Any, patient: Any, observation: Any
) -> None:
    secret = "Mustermann"
    report = site.load(
        patient(id="MRN-4711"),
        patient(id="MRN-4712", gender=f"{secret} {secret}"),
        patient(id="MRN-4713", **{secret: 1}),
        observation(id="MRN-4711-x", subject={"reference": f"Patient/{secret}", "display": secret}),
        observation(id="MRN-4711-y", valueQuantity=quantity(77.125, f"{secret} is ill")),
        observation(
            id="MRN-4711-z",
            subject={"reference": "Patient/MRN-4711"},
            valueQuantity=quantity(7712.5),
        ),
        json.dumps({"resourceType": secret * 9}).encode(),
        secret.encode(),
    )
    assert report.rejected == 6
    shown = json.dumps(report.to_json())
    for hidden in (secret, "MRN", "4711", "77.125", "7712.5", "2020-03-01"):
        assert hidden not in shown
    hashes = [r.resource_hash for r in report.rejections if r.resource == "Observation"]
    assert all(hashes)
    assert len(set(hashes)) == 3


def test_a_load_of_countless_bad_lines_counts_all_and_lists_the_first(
    site: Any, patient: Any
) -> None:
    report = site.load(patient(), *([b"x"] * (MAX_LISTED + 5)))
    assert report.rejected == MAX_LISTED + 5
    assert len(report.rejections) == MAX_LISTED
    assert report.to_json()["rejections_not_listed"] == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"effectiveDateTime": "2024-06-01T12:00:00Z"},
        {"effectiveDateTime": "1960-01-01T00:00:00+14:00"},
        {"effectiveDateTime": ..., "effectiveInstant": "2020-03-01T10:00:00.123456789+01:00"},
        {"effectiveDateTime": ..., "effectivePeriod": {"start": "2020-03-01"}},
        {"status": "amended"},
        {"status": "corrected"},
        {"subject": {"reference": "https://our.org/fhir/Patient/p1/_history/3"}},
        {"code": coding("14631-6"), "valueQuantity": quantity(25.65, "umol/L")},
        {"code": {"coding": [{"system": "local", "code": "B"}, *coding("1975-2")["coding"]]}},
        {"code": coding("72514-3"), "valueQuantity": ..., "valueInteger": 4},
        {"code": coding("751-8"), "valueQuantity": quantity(0, "10*9/L")},
    ],
)
def test_what_is_right_at_the_edge_is_loaded(
    site: Any, patient: Any, observation: Any, changes: dict[str, Any]
) -> None:
    report = site.load(patient(), observation(**changes), base_url="https://our.org/fhir/")
    assert report.rejections == []
    assert len(site.values()) == 1


def test_a_date_without_a_time_is_midnight_where_it_was_written(
    new_site: Callable[[], Any], patient: Any, observation: Any
) -> None:
    def first_time(hours: int) -> Any:
        site = new_site()
        site.load(patient(), observation(), zone=timezone(timedelta(hours=hours)))
        return site.store.record("p1").observations[0].time

    assert first_time(0) - first_time(5) == timedelta(hours=5)
