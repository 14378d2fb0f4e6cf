"""The real dataset: split by a stated rule, written, and accepted whole by the site's loaders."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from federation.gate.records.datasets.pbcseq import (
    LABS,
    PATIENTS,
    VISITS,
    PbcPatient,
    PbcSite,
    read_pbcseq,
    split_sites,
)
from federation.gate.records.datasets.pbcseq_files import LIS_SITE, SI_SITES, write_fhir, write_lis
from federation.gate.records.fhir import load_fhir
from federation.gate.records.lis import load_lis
from federation.gate.records.lis_mapping import read_mapping
from federation.gate.records.store import RecordStore
from federation.gate.records.to_series import series_of

COUNTS = {
    "1975-2": 1945,
    "1751-7": 1945,
    "777-3": 1872,
    "5902-2": 1945,
    "6768-6": 1885,
    "1920-8": 1945,
    "2093-3": 1124,
}


@pytest.fixture(scope="module")
def patients() -> tuple[PbcPatient, ...]:
    return read_pbcseq()


@pytest.fixture(scope="module")
def sites(patients: tuple[PbcPatient, ...]) -> tuple[PbcSite, ...]:
    return split_sites(patients)


def test_it_is_312_patients_with_1945_visits(patients: tuple[PbcPatient, ...]) -> None:
    assert len(patients) == PATIENTS == 312
    assert sum(len(p.visits) for p in patients) == VISITS == 1945
    found = Counter(loinc for p in patients for v in p.visits for loinc in v.values)
    assert found == COUNTS


def test_the_five_sites_hold_everyone_once_and_differ_in_size_and_case_mix(
    patients: tuple[PbcPatient, ...], sites: tuple[PbcSite, ...]
) -> None:
    assert [len(site.patients) for site in sites] == [94, 78, 62, 47, 31]
    everyone = [p.record_id for site in sites for p in site.patients]
    assert sorted(everyone) == sorted(p.record_id for p in patients)
    medians = [
        statistics.median(p.visits[0].values["1975-2"] for p in site.patients) for site in sites
    ]
    assert medians == sorted(medians)
    assert medians[-1] > 4 * medians[0]
    assert split_sites(tuple(reversed(patients)))[0].patients[::-1] == sites[0].patients


def test_every_line_is_accepted_and_every_value_comes_back(
    tmp_path: Path, sites: tuple[PbcSite, ...], clock: Any
) -> None:
    found: Counter[str] = Counter()
    people = 0
    for place, site in enumerate(sites):
        folder = tmp_path / site.name
        write_fhir(site, folder, compress=place % 2 == 1)
        with RecordStore.create(tmp_path / f"{site.name}.sqlite") as store:
            report = load_fhir(store, folder, clock=clock)
            assert report.rejections == []
            assert bool(report.conversions) == (site.name in SI_SITES)
            people += report.resources["Patient"]["added"]
            for patient in site.patients:
                record = store.record(patient.record_id)
                found.update(o.loinc for o in record.observations)
                _, channel, value = series_of(record, list(LABS.values()))
                order = {loinc: i for i, (loinc, _) in enumerate(LABS.values())}
                written = [
                    (order[loinc], visit.values[loinc])
                    for visit in patient.visits
                    for loinc in sorted(visit.values, key=lambda code: order[code])
                ]
                assert channel.tolist() == [c for c, _ in written]
                assert value == pytest.approx([v for _, v in written], rel=1e-12)
    assert people == PATIENTS
    assert found == COUNTS


def test_writing_is_reproducible_and_names_nobody(
    tmp_path: Path, sites: tuple[PbcSite, ...]
) -> None:
    first = write_fhir(sites[4], tmp_path / "a", compress=True)
    second = write_fhir(sites[4], tmp_path / "b", compress=True)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    plain, _ = write_fhir(sites[4], tmp_path / "c")
    assert '"name"' not in plain.read_text()


def test_a_site_loaded_from_its_lis_has_the_records_of_its_fhir_export(
    tmp_path: Path, sites: tuple[PbcSite, ...], clock: Any
) -> None:
    site = next(s for s in sites if s.name == LIS_SITE)
    table, mapping = write_lis(site, tmp_path / "lis")
    write_fhir(site, tmp_path / "fhir")
    with (
        RecordStore.create(tmp_path / "lis.sqlite") as lis,
        RecordStore.create(tmp_path / "fhir.sqlite") as fhir,
    ):
        report = load_lis(lis, table, read_mapping(mapping), clock=clock)
        load_fhir(fhir, tmp_path / "fhir", clock=clock)
        assert report.rejections == []
        assert report.skipped["value missing"] > 0
        ids = fhir.record_ids()
        assert lis.record_ids() == ids
        assert list(lis.records(ids)) == list(fhir.records(ids))
