"""Doses: which MedicationStatement and which LIS row gives one, and which dose is in force when."""

from __future__ import annotations

import contextlib
import copy
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.gate.records.doses import DosePeriod, changes
from federation.gate.records.fhir_medications import judge_medication
from federation.gate.records.fhir_resources import Rules
from federation.gate.records.lis import load_lis
from federation.gate.records.lis_mapping import parse_mapping
from federation.gate.records.rejections import Refused
from federation.gate.records.store import DataPeriod, RecordStore
from federation.gate.records.to_series import series_of
from twin.sickle_cell.channels import CHANNELS, DOSE

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
FORM = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"
EVER = (-(2**63), 2**63 - 1)


def amount(value: float, code: str = "mg", system: str = UCUM) -> list[dict[str, Any]]:
    return [{"doseQuantity": {"value": value, "code": code, "system": system}}]


def every(frequency: int, period: float, unit: str) -> dict[str, Any]:
    return {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit}}


def dosage(value: float = 1000, code: str = "mg", timing: Any = ..., **more: Any) -> dict[str, Any]:
    daily = every(1, 1, "d") if timing is ... else timing
    return {"timing": daily, "doseAndRate": amount(value, code)} | more


def statement(**other: Any) -> dict[str, Any]:
    base = {
        "resourceType": "MedicationStatement",
        "id": "m1",
        "status": "active",
        "medicationCodeableConcept": drug("5552"),
        "subject": {"reference": "Patient/p1"},
        "effectivePeriod": {"start": "2020-03-01"},
        "dosage": [dosage()],
    }
    return {k: v for k, v in (copy.deepcopy(base) | other).items() if v is not ...}


def drug(*codes: str) -> dict[str, Any]:
    return {"coding": [{"system": RXNORM, "code": code} for code in codes]}


def during(start: str, end: str | None = None, **other: Any) -> dict[str, Any]:
    period = {"start": start} if end is None else {"start": start, "end": end}
    return statement(id=f"m-{start}", effectivePeriod=period, **other)


def doses(site: Any, period: DataPeriod | None = None) -> list[tuple[str, float]]:
    found = site.store.record("p1", period).doses
    assert all((one.loinc, one.unit) == ("rxnorm-5552", "mg/d") for one in found)
    return [(one.time.strftime("%Y-%m-%d"), one.value) for one in found]


@pytest.mark.parametrize(
    ("written", "codes", "expected"),
    [
        ([dosage(1000)], ["5552"], 1000.0),
        ([dosage(1.25, "g")], ["5552"], 1250.0),
        ([dosage(2, "{capsule}")], ["5552", "197797"], 1000.0),
        ([dosage(3, "1")], ["197797"], 1500.0),
        ([dosage(500, timing=every(2, 1, "d"))], ["5552"], 1000.0),
        ([dosage(500, timing=every(1, 12, "h"))], ["5552"], 1000.0),
        ([dosage(7000, timing=every(1, 1, "wk"))], ["5552"], 1000.0),
        ([dosage(500, timing={"code": {"coding": [{"code": "BID"}]}})], ["5552"], 1000.0),
        ([dosage(500), dosage(1000)], ["5552"], 1500.0),
    ],
)
def test_what_is_written_becomes_milligrams_a_day(
    site: Any, patient: Any, written: list[Any], codes: list[str], expected: float
) -> None:
    made = statement(dosage=written, medicationCodeableConcept=drug(*codes))
    report = site.load(patient(), made)
    assert report.rejected_by_code == {}
    assert report.resources["MedicationStatement"] == {"added": 1}
    assert doses(site) == [("2020-03-01", pytest.approx(expected))]


def test_a_form_that_is_counted_needs_a_product_of_known_strength(site: Any, patient: Any) -> None:
    capsules = [{"timing": every(1, 1, "d"), "doseAndRate": amount(2, "CAP", FORM)}]
    unknown = statement(dosage=capsules)
    known = statement(id="m2", dosage=capsules, medicationCodeableConcept=drug("197797"))
    report = site.load(patient(), unknown, known)
    assert report.rejected_by_code == {"DOSE_UNCLEAR": 1}
    assert doses(site) == [("2020-03-01", 1000.0)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "intended"}, "FHIR_STATUS_NOT_FINAL"),
        ({"status": "unknown"}, "FHIR_STATUS_NOT_FINAL"),
        ({"status": "taken"}, "FHIR_STATUS_UNKNOWN"),
        ({"status": "stopped"}, "DATE_MISSING"),
        ({"subject": {"reference": "Patient/other"}}, "SUBJECT_UNKNOWN"),
        ({"effectivePeriod": ...}, "DATE_MISSING"),
        ({"effectivePeriod": {"start": "2020-03"}}, "DATE_TOO_COARSE"),
        ({"effectivePeriod": {"start": "2030-03-01"}}, "DATE_IN_FUTURE"),
        ({"effectivePeriod": {"start": "1959-03-01"}}, "DATE_BEFORE_BIRTH"),
        ({"effectivePeriod": {"start": "2020-03-02", "end": "2020-03-01"}}, "DATE_IMPLAUSIBLE"),
        (
            {
                "status": "completed",
                "effectivePeriod": {"start": "2020-03-02", "end": "2031-01-01"},
            },
            "DATE_IN_FUTURE",
        ),
        ({"dosage": ...}, "DOSE_UNCLEAR"),
        ({"dosage": [dosage(asNeededBoolean=True)]}, "DOSE_UNCLEAR"),
        ({"dosage": [dosage(timing=...), dosage(sequence=2)]}, "DOSE_UNCLEAR"),
        ({"dosage": [dosage(timing=None)]}, "DOSE_UNCLEAR"),
        ({"dosage": [dosage(timing={"repeat": {"count": 3}})]}, "DOSE_UNCLEAR"),
        ({"dosage": [dosage(timing=every(1, 1, "mo"))]}, "DOSE_UNCLEAR"),
        ({"dosage": [{"timing": every(1, 1, "d")}]}, "DOSE_UNCLEAR"),
        ({"dosage": [dosage(-500)]}, "VALUE_NEGATIVE"),
        ({"dosage": [dosage(1)]}, "VALUE_IMPLAUSIBLE"),
        ({"dosage": [dosage(1000, "g")]}, "VALUE_IMPLAUSIBLE"),
        ({"dosage": [dosage(20, "mg/kg")]}, "UNIT_NOT_CONVERTIBLE"),
        ({"dosage": [dosage(1000, "MILLIGRAM")]}, "UNIT_NOT_UCUM"),
        (
            {"modifierExtension": [{"url": "http://x.example", "valueBoolean": True}]},
            "FHIR_MODIFIER",
        ),
    ],
)
def test_a_dose_that_is_not_clear_is_refused_with_a_remedy(
    site: Any, patient: Any, change: dict[str, Any], code: str
) -> None:
    report = site.load(patient(), statement(**change))
    assert report.rejected_by_code == {code: 1}
    assert doses(site) == []


def test_a_statement_of_another_drug_is_counted_and_skipped(site: Any, patient: Any) -> None:
    other = statement(id="m2", medicationCodeableConcept=drug("1191"), dosage=...)
    text = statement(id="m3", medicationCodeableConcept={"text": "hydroxyurea"})
    report = site.load(patient(), other, text)
    assert report.skipped == {"MedicationStatement of another drug": 2}
    assert (report.rejected, doses(site)) == (0, [])


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    "correction",
    [
        {"status": "entered-in-error"},
        {"medicationCodeableConcept": drug("1191")},
        {"subject": {"reference": "Patient/p9"}},
        {"status": "stopped"},
    ],
    ids=["in error", "another drug", "another patient", "refused"],
)
def test_a_correction_withdraws_the_dose(
    site: Any, patient: Any, newest_first: bool, correction: dict[str, Any]
) -> None:
    old = statement(meta={"versionId": "1"})
    new = statement(meta={"versionId": "2"}, **correction)
    site.load(patient(), *([new, old] if newest_first else [old, new]))
    assert doses(site) == []
    site.load(old)
    assert doses(site) == []


def test_the_same_id_may_be_a_result_and_a_dose(site: Any, patient: Any, observation: Any) -> None:
    site.load(patient(), observation(id="same"), statement(id="same"))
    assert site.values() == [1.5]
    assert doses(site) == [("2020-03-01", 1000.0)]


def test_a_dose_holds_until_the_next_and_a_stop_is_zero(site: Any, patient: Any) -> None:
    site.load(
        patient(),
        during("2019-01-01", status="not-taken", dosage=...),
        during("2019-03-01", "2019-05-31", status="completed"),
        during("2019-06-01", "2019-08-31", status="completed", dosage=[dosage(1500)]),
        during("2019-07-01", status="on-hold", dosage=...),
        during("2019-08-01", "2019-09-30", status="stopped", dosage=[dosage(500)]),
    )
    assert doses(site) == [
        ("2019-01-01", 0.0),
        ("2019-03-01", 1000.0),
        ("2019-06-01", 1500.0),
        ("2019-07-01", 0.0),
        ("2019-08-01", 500.0),
        ("2019-10-01", 0.0),
    ]


def test_a_planned_end_of_what_is_still_taken_stops_nothing(site: Any, patient: Any) -> None:
    site.load(patient(), during("2019-01-01", "2031-01-01"))
    assert doses(site) == [("2019-01-01", 1000.0)]


def test_a_data_period_cuts_doses_as_it_cuts_results(site: Any, patient: Any) -> None:
    site.load(patient(), during("2019-01-01"), during("2019-06-01", dosage=[dosage(1500)]))

    def within(start: int, end: int) -> list[tuple[str, float]]:
        days = (datetime(2019, month, 1, tzinfo=UTC) for month in (start, end))
        return doses(site, DataPeriod(*days))

    assert within(3, 9) == [("2019-03-01", 1000.0), ("2019-06-01", 1500.0)]
    assert within(3, 6) == [("2019-03-01", 1000.0)]
    assert within(6, 7) == [("2019-06-01", 1500.0)]
    assert within(9, 3) == []
    before = DataPeriod(end=datetime(2019, 1, 1, tzinfo=UTC))
    assert doses(site, before) == []


def test_where_a_dose_came_from_is_kept(site: Any, patient: Any) -> None:
    report = site.load(patient(), statement(dosage=[dosage(1.5, "g")]))
    assert report.conversions == {("rxnorm-5552", "g/d", "mg/d"): 1}
    with sqlite3.connect(site.store.path) as db:
        (row,) = db.execute(
            "SELECT value, source_value, source_unit, line, sha256 FROM dose JOIN source"
            " USING (source_id)"
        )
    db.close()
    assert row[:4] == (1500.0, 1.5, "g/d", 2)
    assert len(row[4]) == 64


def test_doses_go_with_their_patient_and_loading_again_changes_nothing(
    site: Any, patient: Any
) -> None:
    site.load(patient(), statement())
    before = site.store.digest()
    again = site.load(patient(), statement())
    assert again.resources["MedicationStatement"] == {"unchanged": 1}
    assert site.store.digest() == before
    report = site.load(patient(active=False, meta={"versionId": "2"}))
    assert report.dropped_with_patient == 1
    with sqlite3.connect(site.store.path) as db:
        assert db.execute("SELECT count(*) FROM dose").fetchone() == (0,)
    db.close()


def test_a_model_reads_doses_beside_results(site: Any, patient: Any, observation: Any) -> None:
    seen = observation(
        code={"coding": [{"system": "http://loinc.org", "code": "4576-5"}]},
        effectiveDateTime="2020-03-01",
        valueQuantity={"value": 6.1, "system": UCUM, "code": "%"},
    )
    site.load(patient(), seen, statement(), during("2021-03-01", dosage=[dosage(1500)]))
    wanted = [(channel.loinc, channel.unit) for channel in CHANNELS]
    times, channel, value = series_of(site.store.record("p1"), wanted)
    assert times == pytest.approx([0.0, 0.0, 365 / 365.25])
    assert channel.tolist() == [0, DOSE, DOSE]
    assert value.tolist() == [6.1, 1000.0, 1500.0]
    assert value.dtype == np.float64


MAPPING = """
format: assent-lis-1
csv: {delimiter: ";"}
timezone: UTC
columns: {patient: PAT, time: WHEN, code: WHAT, value: HOW, unit: IN, status: STATE}
time_formats: ["%Y-%m-%d"]
statuses: {final: [F], removed: [X]}
unknown_patients: create
codes:
  HU: {rxnorm: 5552, unit: mg/d}
  HBF: {loinc: 4576-5}
"""
ROWS = """PAT;WHEN;WHAT;HOW;IN;STATE
p1;2020-03-01;HU;1000;;F
p1;2020-03-01;HBF;6.1;%;F
p1;2020-06-01;HU;1.5;g/d;F
p1;2020-09-01;HU;0;mg/d;F
p1;2020-10-01;HU;1;mg/d;F
"""


def test_a_laboratory_system_may_give_doses_where_the_mapping_says_so(
    site: Any, tmp_path: Path, clock: Any
) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    mapping = parse_mapping(MAPPING)
    report = load_lis(site.store, tmp_path / "rows.csv", mapping, clock=clock)
    assert report.rejected_by_code == {"VALUE_IMPLAUSIBLE": 1}
    assert doses(site) == [("2020-03-01", 1000.0), ("2020-06-01", 1500.0), ("2020-09-01", 0.0)]
    assert site.values() == [6.1]


def test_a_laboratory_system_may_withdraw_a_dose(site: Any, tmp_path: Path, clock: Any) -> None:
    withdrawn = "updated: CHANGED, status"
    mapping = parse_mapping(MAPPING.replace("status", withdrawn, 1))
    header = "PAT;WHEN;WHAT;HOW;IN;STATE;CHANGED\n"
    (tmp_path / "rows.csv").write_text(header + "p1;2020-03-01;HU;1000;;F;2020-03-01\n")
    load_lis(site.store, tmp_path / "rows.csv", mapping, clock=clock)
    assert doses(site) == [("2020-03-01", 1000.0)]
    (tmp_path / "rows.csv").write_text(header + "p1;2020-03-01;HU;1000;;X;2020-03-02\n")
    load_lis(site.store, tmp_path / "rows.csv", mapping, clock=clock)
    assert doses(site) == []


def test_a_store_of_the_first_release_gains_doses_and_loses_nothing(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(), observation())
    with sqlite3.connect(site.store.path) as db:
        db.execute("DROP TABLE dose")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with RecordStore.open(site.store.path) as store:
        assert [one.value for one in store.record("p1").observations] == [1.5]
        assert store.record("p1").doses == ()
    site.load(statement())
    assert doses(site) == [("2020-03-01", 1000.0)]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every element of a resource."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, one in inside:
        found.append((*path, key))
        if isinstance(one, dict | list):
            found += places(one, (*path, key))
    return found


FULL = statement(
    meta={"versionId": "1"},
    status="completed",
    effectivePeriod={"start": "2020-03-01", "end": "2020-06-01"},
    dosage=[dosage(500, "{capsule}"), dosage(500, timing={"code": {"coding": [{"code": "BID"}]}})],
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda some: (
        st.lists(some, max_size=2) | st.dictionaries(st.text(max_size=6), some, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(places(FULL)), ODD)
def test_whatever_stands_in_one_element_is_judged_and_never_stops_a_load(
    place: tuple[Any, ...], odd: Any
) -> None:
    made = copy.deepcopy(FULL)
    holder: Any = made
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = odd
    with contextlib.suppress(Refused):
        judge_medication(made, Rules(datetime(2024, 6, 1, tzinfo=UTC), UTC))


PERIODS = st.lists(
    st.tuples(
        st.integers(0, 30), st.none() | st.integers(1, 20), st.sampled_from([0.0, 500.0, 1000.0])
    ).map(lambda p: DosePeriod(p[0], None if p[1] is None else p[0] + p[1], p[2])),
    max_size=6,
)


def in_force(periods: list[DosePeriod], day: int) -> float | None:
    """Straight from the rule: the latest to start, of several the largest, unless it has ended."""
    started = [one for one in periods if one.start_us <= day]
    if not started:
        return None
    latest = max(one.start_us for one in started)
    never = float("inf")
    holding = max(
        (one for one in started if one.start_us == latest),
        key=lambda one: (one.value, never if one.stop_us is None else one.stop_us),
    )
    return 0.0 if holding.stop_us is not None and holding.stop_us <= day else holding.value


@given(PERIODS, st.integers(0, 40), st.integers(0, 40))
def test_changes_say_what_is_in_force_on_each_day(
    periods: list[DosePeriod], first: int, last: int
) -> None:
    for start, end in (EVER, (first, last)):
        found = dict(changes(periods, start, end))
        assert len(found) == len(changes(periods, start, end))
        assert all(start <= time < end for time in found)
        for day in range(max(0, start), min(60, end)):
            said = [value for time, value in found.items() if time <= day]
            assert (said[-1] if said else None) == in_force(periods, day)
