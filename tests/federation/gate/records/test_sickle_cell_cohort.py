"""The synthetic cohort: the site's own loaders accept every line and read what was written."""

from __future__ import annotations

import csv
import hashlib
import math
import statistics
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from federation.gate.records.datasets.sickle_cell import centres as c
from federation.gate.records.datasets.sickle_cell.centres import CENTRES
from federation.gate.records.datasets.sickle_cell.cohort import FolderNotEmpty, write_cohort
from federation.gate.records.datasets.sickle_cell.course import (
    HEALTHY_HAEMOGLOBIN,
    concentration,
    marrow_day,
    settled_haemoglobin,
)
from federation.gate.records.datasets.sickle_cell.fhir_files import EPOCH
from federation.gate.records.datasets.sickle_cell.patients import patients_of
from federation.gate.records.datasets.sickle_cell.traits import draw
from federation.gate.records.fhir import load_fhir
from federation.gate.records.lis import load_lis
from federation.gate.records.lis_mapping import read_mapping
from federation.gate.records.report import LoadReport
from federation.gate.records.store import RecordStore
from twin.sickle_cell import figures as f

COUNT = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("scd") / "cohort"
    assert write_cohort(found, seed=7, patients_per_site=COUNT) == {
        centre.name: COUNT for centre in CENTRES
    }
    return found


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def written(folder: Path, site: str) -> dict[str, list[tuple[str, float]]]:
    """Patient -> (code, value in canonical units) of every result, from observations.csv."""
    found = defaultdict(list)
    with (folder / "observations.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["site"] == site:
                found[row["patient"]].append((row["code"], float(row["value"])))
    return found


def doses_written(folder: Path, site: str) -> dict[str, list[tuple[datetime, str, float]]]:
    """Patient -> (when, unit, mg a day) of every change of dose, from doses.csv: of several on one
    day the last.
    """
    found = defaultdict(dict)
    with (folder / "doses.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["site"] == site:
                when = EPOCH + timedelta(days=float(row["time"]))
                found[row["patient"]][when] = (row["unit"], float(row["value"]))
    return {
        patient: [(when, *dose) for when, dose in sorted(doses.items())]
        for patient, doses in found.items()
    }


def same(stored: list[tuple[str, float]], expected: list[tuple[str, float]]) -> bool:
    pairs = zip(sorted(stored), sorted(expected), strict=True)
    return all(a == b and math.isclose(x, y, rel_tol=1e-5) for (a, x), (b, y) in pairs)


@pytest.mark.parametrize("centre", CENTRES, ids=lambda one: one.name)
def test_fhir_is_accepted_whole_and_read_back(folder: Path, tmp_path: Path, centre) -> None:
    with RecordStore.create(tmp_path / "records.db") as store:
        report: LoadReport = load_fhir(store, folder / centre.name / "fhir")
        assert report.rejected_by_code == Counter()
        assert report.resources["Patient"] == {"added": COUNT}
        assert set(report.skipped) <= {"Condition", "Encounter"}
        assert report.resources["MedicationStatement"]["added"] >= COUNT
        expected = written(folder, centre.name)
        assert store.record_ids() == sorted(expected)
        for record_id, results in expected.items():
            stored = [(o.loinc, o.value) for o in store.record(record_id).observations]
            assert same(stored, results)
        for record_id, prescribed in doses_written(folder, centre.name).items():
            stored = [(o.time, o.unit, o.value) for o in store.record(record_id).doses]
            assert stored == prescribed
        if centre.si:
            assert any(key[1] == "g/L" for key in report.conversions)


@pytest.mark.parametrize("centre", CENTRES, ids=lambda one: one.name)
def test_lis_is_accepted_whole_and_says_the_same_as_fhir(folder, tmp_path, centre) -> None:
    lis = folder / centre.name / "lis"
    with RecordStore.create(tmp_path / "records.db") as store:
        report = load_lis(store, lis / "results.csv", read_mapping(lis / "mapping.yaml"))
        assert report.rejected_by_code == Counter()
        for record_id, results in written(folder, centre.name).items():
            stored = [(o.loinc, o.value) for o in store.record(record_id).observations]
            worn = {c.HEART_RATE, c.OXYGEN}
            assert same(stored, [one for one in results if one[0] not in worn])
        before = store.digest()
        with_fhir = load_fhir(store, folder / centre.name / "fhir" / "Patient.ndjson")
        assert with_fhir.rejected == 0
        assert before != store.digest()  # births and genders are known now


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(folder, tmp_path) -> None:
    write_cohort(tmp_path / "again", seed=7, patients_per_site=COUNT)
    assert digests(tmp_path / "again") == digests(folder)
    write_cohort(tmp_path / "other", seed=8, patients_per_site=COUNT)
    other, here = digests(tmp_path / "other"), digests(folder)
    assert other.keys() == here.keys()
    assert all(other[name] != here[name] for name in here if name.endswith("Observation.ndjson"))


def test_more_patients_change_nobody() -> None:
    few = [one.results for one in patients_of(CENTRES[2], 3, 2)]
    many = [one.results for one in patients_of(CENTRES[2], 3, 4)]
    assert many[:2] == few


def test_formats_and_folders(tmp_path: Path) -> None:
    seen = []
    write_cohort(
        tmp_path / "f",
        patients_per_site=1,
        form="fhir",
        progress=lambda *one: seen.append(one),
    )
    assert seen == [(centre.name, 1, 1) for centre in CENTRES]
    assert not list((tmp_path / "f").rglob("*.yaml"))
    write_cohort(tmp_path / "l", patients_per_site=1, form="lis")
    assert not list((tmp_path / "l").rglob("*.ndjson"))
    sheet = (tmp_path / "l" / "DATASHEET.md").read_text(encoding="utf-8")
    assert "Nobody in these files exists" in sheet
    assert all(centre.name in sheet for centre in CENTRES)
    with pytest.raises(FolderNotEmpty, match="name a new folder"):
        write_cohort(tmp_path / "l", patients_per_site=1)


def test_fribergs_equations_are_solved_to_a_tenth_of_a_per_cent() -> None:
    rate = (f.TRANSITS + 1) / f.TRANSIT_DAYS

    def change(_, y):
        growth = y[0] * ((1 - 0.15) * (6.5 / y[4]) ** f.FEEDBACK - 1)
        return rate * np.array([growth, *(y[:4] - y[1:])])

    exact = solve_ivp(
        change, (0, 60), np.full(5, 6.5), t_eval=np.arange(61.0), rtol=1e-9, atol=1e-9
    )
    state, found = (6.5,) * 5, []
    for _ in range(61):
        found.append(state[4])
        state = marrow_day(state, 0.15, 6.5)
    np.testing.assert_allclose(found, exact.y[4], rtol=1e-3)


def test_20_to_25_mg_a_kg_halve_neutrophils_of_the_typical_adult() -> None:
    typical = draw(CENTRES[4], np.random.default_rng(1))
    object.__setattr__(typical, "clearance", f.CLEARANCE)
    for per_kg in (20.0, 25.0):
        average = concentration(typical, per_kg * 70.0, 30.0, 70.0)
        state = (6.5,) * 5
        for _ in range(300):
            state = marrow_day(state, f.MARROW_EFFECT * average, 6.5)
        assert state[4] / 6.5 == pytest.approx(0.5, abs=0.05)


def test_patients_are_drawn_with_the_published_figures() -> None:
    generator = np.random.default_rng(1)
    for centre in CENTRES:
        drawn = [
            one for one in (draw(centre, generator) for _ in range(600)) if one.genotype != "SC"
        ]
        blood = [one.haemoglobin for one in drawn]
        assert statistics.mean(blood) == pytest.approx(centre.haemoglobin[0], abs=0.15)
        assert statistics.stdev(blood) == pytest.approx(centre.haemoglobin[1], abs=0.15)
        fetal = np.log([one.hbf_baseline for one in drawn])
        assert np.median(fetal) == pytest.approx(np.log(0.071 / 0.013), abs=0.1)
        assert fetal.std() == pytest.approx(math.hypot(0.585, 0.486), rel=0.1)
        pair = np.array([[np.log(one.hbf_kout), one.hbf_imax] for one in drawn])
        logit = np.log(pair[:, 1] / (1 - pair[:, 1]))
        assert np.corrcoef(pair[:, 0], logit)[0, 1] == pytest.approx(0.892, abs=0.03)
        red = np.log([[one.mcv_kin, one.mcv_kout, one.mcv_effect] for one in drawn])
        np.testing.assert_allclose(red.std(axis=0), [0.191, 0.186, 0.457], rtol=0.12)
        assert np.corrcoef(red.T)[0, 2] == pytest.approx(-0.98, abs=0.02)
        crises = statistics.mean(one.crises for one in drawn) / centre.crises
        assert crises == pytest.approx(0.8, rel=0.15)


def test_haemoglobin_rises_as_published_at_first_and_never_beyond_a_healthy_adults() -> None:
    generator = np.random.default_rng(2)
    for one in (draw(centre, generator) for centre in CENTRES for _ in range(200)):
        assert settled_haemoglobin(one, 0.0) == pytest.approx(one.haemoglobin)
        most = settled_haemoglobin(one, 60.0)
        assert one.haemoglobin <= most <= max(one.haemoglobin, HEALTHY_HAEMOGLOBIN)
        if one.haemoglobin < HEALTHY_HAEMOGLOBIN:
            slope = math.log(settled_haemoglobin(one, 0.01) / one.haemoglobin) / 0.01
            assert slope == pytest.approx(one.haemoglobin_gain, rel=0.05)


def test_centres_and_courses_are_those_of_treated_patients() -> None:
    by_centre = {one.name: list(patients_of(one, 1, 15)) for one in CENTRES}
    everyone = [one for found in by_centre.values() for one in found]
    years = sum(one.traits.days for one in everyone) / f.DAYS_A_YEAR
    untreated = statistics.mean(one.traits.crises for one in everyone)
    assert 0.6 < untreated < 1.3
    assert sum(len(one.course.crises) for one in everyone) / years < untreated
    counts = [len(one.course.crises) for one in everyone]
    assert statistics.variance(counts) > 1.2 * statistics.mean(counts)  # over-dispersed
    rises = [
        one.course.hbf[365] - one.course.hbf[0]
        for one in everyone
        if one.traits.first_dose >= 0 and one.traits.days > 365
    ]
    assert statistics.median(rises) > 3.0
    given = {
        name: statistics.median(
            max(dose.milligrams / dose.weight for dose in one.doses) for one in found
        )
        for name, found in by_centre.items()
    }
    assert given["centre-2"] < 15.0 < given["centre-1"]
    worn = statistics.mean(one.traits.has_wearable for one in everyone)
    assert 0.1 < worn < 0.5
    assert all(dose.weight >= 6.0 for one in everyone for dose in one.doses)
    assert max(one.course.hbf.max() for one in everyone) <= 60.0
