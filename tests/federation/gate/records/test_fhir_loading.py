"""Versions, duplicates and withdrawals; and that order, packing and repetition change nothing."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.gate.records.errors import (
    InputChanged,
    InputEmpty,
    InputMissing,
    InputUnreadable,
)
from federation.gate.records.fhir import load_fhir

UCUM = "http://unitsofmeasure.org"
EARLY, LATE = {"lastUpdated": "2021-01-01T00:00:00Z"}, {"lastUpdated": "2022-01-01T00:00:00Z"}


def value(number: float, unit: str = "mg/dL") -> dict[str, Any]:
    return {"value": number, "system": UCUM, "code": unit}


def test_results_are_kept_in_canonical_units_and_conversions_are_counted(
    site: Any, patient: Any, observation: Any
) -> None:
    report = site.load(patient(), observation(valueQuantity=value(17.104, "umol/L")))
    assert site.values() == [pytest.approx(1.0, rel=1e-4)]
    assert report.conversions == {("1975-2", "umol/L", "mg/dL"): 1}
    with sqlite3.connect(site.store.path) as db:
        (row,) = db.execute(
            "SELECT source_value, source_unit, line, sha256 FROM observation JOIN source"
            " USING (source_id)"
        )
    db.close()
    assert row[:3] == (17.104, "umol/L", 2)
    assert len(row[3]) == 64


def test_other_resource_types_and_blank_lines_are_skipped(site: Any, patient: Any) -> None:
    report = site.load(patient(), {"resourceType": "Condition", "id": "c"}, b"", b"  ")
    assert report.skipped == {"Condition": 1}
    assert report.rejected == 0


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_newer_version_holds(
    site: Any, patient: Any, observation: Any, newest_first: bool
) -> None:
    old = observation(meta=EARLY)
    new = observation(meta=LATE, valueQuantity=value(9.0))
    report = site.load(patient(), *([new, old] if newest_first else [old, new]))
    assert site.values() == [9.0]
    assert report.rejected == 0


def test_version_ids_that_are_numbers_are_compared_as_numbers(
    site: Any, patient: Any, observation: Any
) -> None:
    nine = observation(meta={"versionId": "9"})
    ten = observation(meta={"versionId": "10"}, valueQuantity=value(2.5))
    site.load(patient(), ten, nine)
    assert site.values() == [2.5]


def test_the_same_result_twice_is_one(site: Any, patient: Any, observation: Any) -> None:
    report = site.load(patient(), observation(), observation())
    assert report.resources["Observation"] == {"added": 1, "unchanged": 1}
    assert site.values() == [1.5]


def test_versions_that_differ_without_an_order_are_all_unused_until_one_is_newer(
    site: Any, patient: Any, observation: Any
) -> None:
    report = site.load(patient(), observation(), observation(valueQuantity=value(9.0)))
    assert [(r.code, r.line) for r in report.rejections] == [("DUPLICATE", 3)]
    assert site.values() == []
    site.load(observation(valueQuantity=value(9.0), meta=LATE))
    assert site.values() == [9.0]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_withdrawn_result_goes_and_an_older_copy_does_not_bring_it_back(
    site: Any, patient: Any, observation: Any, status: str
) -> None:
    site.load(patient(), observation(meta=EARLY))
    report = site.load(observation(status=status, meta=LATE))
    assert report.resources["Observation"] == {"removed": 1}
    assert site.values() == []
    assert site.load(observation(meta=EARLY)).resources["Observation"] == {"superseded": 1}
    assert site.values() == []


def test_a_withdrawal_is_honoured_even_when_the_rest_of_its_line_is_faulty(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(), observation())
    report = site.load({"resourceType": "Observation", "id": "o1", "status": "entered-in-error"})
    # It is as old as the result, so it also shows that of equally new versions a removal holds.
    assert (report.resources["Observation"], report.rejected) == ({"removed": 1}, 0)
    assert site.values() == []


WRONG = [
    {"subject": {"reference": "Patient/p9"}},
    {"valueQuantity": ...},
    {"status": "preliminary"},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}},
    {"focus": [{"reference": "Patient/p9"}]},
]


@pytest.mark.parametrize("changes", WRONG)
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_result_is_not_used_when_its_newest_version_is_refused(
    site: Any, patient: Any, observation: Any, changes: dict[str, Any], newest_first: bool
) -> None:
    """It may say that the older one was measured in somebody else, who consented to nothing."""
    old, new = observation(meta=EARLY), observation(meta=LATE, **changes)
    site.load(patient(), old)
    assert site.values() == [1.5]
    assert site.load(*([new, old] if newest_first else [old, new])).rejected == 1
    assert site.values() == []
    assert site.load(old).resources["Observation"] == {"superseded": 1}
    assert site.values() == []


def test_a_refused_result_is_used_once_what_it_needs_is_there(
    site: Any, patient: Any, observation: Any
) -> None:
    moved = observation(meta=LATE, subject={"reference": "Patient/p2"})
    site.load(patient(), observation(meta=EARLY), moved)
    assert site.values() == []
    assert site.load(patient(id="p2"), moved).rejected == 0
    assert (site.values(), site.values("p2")) == ([], [1.5])
    assert site.load(moved).resources["Observation"] == {"unchanged": 1}


def test_a_refused_line_that_is_not_newer_takes_nothing_away(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(), observation(meta=LATE), observation(id="o2", valueQuantity=value(2.0)))
    faulty = {"status": "preliminary"}
    site.load(
        observation(meta=EARLY, **faulty),
        observation(meta=LATE, **faulty),
        observation(meta={"lastUpdated": "today"}, **faulty),
        observation(id="o2", **faulty),
    )
    assert site.values() == [1.5, 2.0]


def deletion(*urls: object, **changes: Any) -> dict[str, Any]:
    entries = [{"request": {"method": "DELETE", "url": url}} for url in urls]
    bundle = {"resourceType": "Bundle", "type": "transaction", "meta": LATE, "entry": entries}
    return {k: v for k, v in (bundle | changes).items() if v is not ...}


@pytest.mark.parametrize("deleted_first", [False, True])
def test_what_its_server_has_deleted_is_not_used(
    site: Any, patient: Any, observation: Any, deleted_first: bool
) -> None:
    old = [
        patient(meta=EARLY),
        patient(id="p2", meta=EARLY),
        observation(meta=EARLY),
        observation(id="o2", subject={"reference": "Patient/p2"}, meta=EARLY),
        observation(id="o3", meta={"lastUpdated": "2023-01-01T00:00:00Z"}),
    ]
    gone = deletion("Observation/o1", "Observation/o3", "Patient/p2", "Condition/c1")
    report = site.load(*([gone, *old] if deleted_first else [*old, gone]))
    assert site.store.record_ids() == ["p1"]
    assert site.values() == [1.5], "o3 was made anew since"
    assert report.skipped == {}
    site.load(*old)
    assert (site.store.record_ids(), site.values()) == (["p1"], [1.5])


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        (deletion("Observation/o1", meta=...), "FHIR_META_INVALID"),
        (deletion("Observation?subject=p1"), "FHIR_INVALID"),
        (deletion("Patient/p1", None), "FHIR_INVALID"),
    ],
)
def test_a_deletion_that_cannot_be_followed_is_refused(
    site: Any, patient: Any, bundle: dict[str, Any], code: str
) -> None:
    (rejection,) = site.load(patient(), bundle).rejections
    assert (rejection.code, rejection.resource) == (code, "Bundle")


def test_a_bundle_that_deletes_nothing_is_skipped(site: Any, patient: Any) -> None:
    post = {"request": {"method": "POST", "url": "Patient"}, "resource": patient(id="p9")}
    for entry in ([post], [], None, "x", ["x", {"request": 1}]):
        assert site.load(patient(), deletion(entry=entry)).skipped == {"Bundle": 1}
    assert site.store.record_ids() == ["p1"]


def test_a_patient_whose_record_was_merged_into_another_is_not_used(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(meta=EARLY), observation())
    link = [{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]
    kept = [{"other": {"reference": "Patient/p1"}, "type": "replaces"}]
    report = site.load(patient(meta=LATE, link=link), patient(id="p2", link=kept))
    assert report.rejected == 0
    assert report.dropped_with_patient == 1
    assert site.store.record_ids() == ["p2"]


def test_a_faulty_line_withdraws_its_patient_all_the_same(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(meta=EARLY), observation())
    report = site.load(patient(meta=LATE, active=False, gender="W", birthDate="unknown"))
    assert report.rejected == 0
    assert site.store.record_ids() == []


def test_an_inactive_patient_goes_with_all_results(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(meta=EARLY), observation())
    report = site.load(patient(active=False, meta=LATE))
    assert report.dropped_with_patient == 1
    assert site.store.record_ids() == []


def test_a_corrected_birth_date_drops_results_that_are_older(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(meta=EARLY), observation())
    report = site.load(patient(birthDate="2021-05-05", meta=LATE))
    assert report.dropped_with_patient == 1
    assert site.values() == []


def test_the_type_comes_from_the_line_and_not_from_the_files_name(
    site: Any, patient: Any, observation: Any
) -> None:
    path = site.folder / "Patient.ndjson"
    site.write([observation(), patient()]).rename(path)
    assert site.load_files(path).resources["Observation"] == {"added": 1}


def test_a_folder_is_read_whole_and_a_file_named_twice_once(
    site: Any, patient: Any, observation: Any
) -> None:
    folder = site.folder / "export"
    (folder / "part").mkdir(parents=True)
    site.write([observation()], compress=True).rename(folder / "a.ndjson.gz")
    site.write([patient()]).rename(folder / "part" / "b.ndjson")
    (folder / "manifest.json").write_text("{}")
    report = site.load_files(folder, folder / "a.ndjson.gz")
    assert len(report.files) == 2
    assert report.resources["Observation"] == {"added": 1}


def test_files_of_the_same_name_are_told_apart(site: Any, patient: Any, observation: Any) -> None:
    for name, line in (("one", patient()), ("two", observation())):
        (site.folder / name).mkdir()
        site.write([line]).rename(site.folder / name / "data.ndjson")
    report = site.load_files(site.folder / "one", site.folder / "two")
    assert len(report.files) == 2
    assert report.rejected == 0


def test_a_damaged_gzip_file_is_reported_and_the_others_load(
    site: Any, patient: Any, observation: Any
) -> None:
    whole = site.write([patient(), observation()])
    broken = site.folder / "broken.ndjson.gz"
    broken.write_bytes(gzip.compress(b'{"resourceType":"Condition"}\n' * 5000)[:-20])
    report = site.load_files(broken, whole)
    assert [(r.file, r.code) for r in report.rejections] == [("broken.ndjson.gz", "FILE_TRUNCATED")]
    assert site.values() == [1.5]


def test_inputs_that_cannot_be_loaded_are_named(site: Any) -> None:
    with pytest.raises(InputMissing, match="nowhere"):
        site.load_files(site.folder / "nowhere")
    (site.folder / "empty").mkdir()
    with pytest.raises(InputEmpty, match=r"empty.*ndjson"):
        site.load_files(site.folder / "empty")
    with pytest.raises(InputEmpty):
        site.load_files()
    with pytest.raises(InputUnreadable):
        load_fhir(site.store, [Path("/proc/self/mem")])


def test_a_file_that_changes_under_the_load_leaves_the_store_as_it_was(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient())
    before = site.store.digest()
    path = site.write([patient(id="p2"), observation()])

    def append(label: str, lines: int) -> None:
        with path.open("ab") as stream:
            stream.write(b"\n{}")

    with pytest.raises(InputChanged, match=path.name):
        site.load_files(path, progress=append)
    assert site.store.digest() == before


def test_progress_is_told_for_every_file(site: Any, patient: Any) -> None:
    seen: list[tuple[str, int]] = []
    path = site.write([patient()] * 2500)
    site.load_files(path, progress=lambda label, lines: seen.append((label, lines)))
    assert seen[:3] == [(path.name, 1000), (path.name, 2000), (path.name, 2500)]


METAS = st.sampled_from([{}, EARLY, LATE, {"versionId": "1"}, {"versionId": "2"}])


@st.composite
def lines(draw: st.DrawFn, make_patient: Any, make_observation: Any) -> Any:
    kind = draw(
        st.sampled_from(["patient", "observation", "observation", "removal", "deletion", "raw"])
    )
    meta = draw(METAS)
    if kind == "patient":
        return make_patient(
            id=draw(st.sampled_from(["p1", "p2"])),
            active=draw(st.booleans()),
            birthDate=draw(st.sampled_from(["1960", "2021", "bad"])),
            meta=meta,
        )
    if kind == "deletion":
        urls = ["Patient/p1", "Patient/p2", "Observation/o1", "Observation/o2"]
        return deletion(draw(st.sampled_from(urls)), meta=meta)
    if kind == "raw":
        return draw(st.sampled_from([b"x", b"{}", b"\xff", b'{"resourceType":"Condition"}']))
    return make_observation(
        id=draw(st.sampled_from(["o1", "o2"])),
        subject={"reference": "Patient/" + draw(st.sampled_from(["p1", "p2"]))},
        status="cancelled" if kind == "removal" else "final",
        valueQuantity=value(draw(st.sampled_from([1.0, 2.0, -1.0]))),
        focus=draw(st.sampled_from([..., [{"reference": "Patient/p3"}]])),
        meta=meta,
    )


PROPERTY = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@PROPERTY
@given(data=st.data())
def test_any_order_of_lines_and_files_gives_the_same_store(
    new_site: Callable[[], Any], patient: Any, observation: Any, data: st.DataObject
) -> None:
    found = data.draw(st.lists(lines(patient, observation), max_size=12))
    found += [patient(id="p1", birthDate="1960")]
    shuffled = data.draw(st.permutations(found))
    cut = data.draw(st.integers(0, len(found)))
    one, other = new_site(), new_site()
    one.load(*found)
    other.load_files(other.write(shuffled[cut:], compress=True), other.write(shuffled[:cut]))
    assert one.store.digest() == other.store.digest()


@PROPERTY
@given(data=st.data())
def test_loading_twice_is_loading_once(
    new_site: Callable[[], Any], patient: Any, observation: Any, data: st.DataObject
) -> None:
    found = data.draw(st.lists(lines(patient, observation), max_size=12))
    site = new_site()
    first = site.load(patient(), *found)
    once = site.store.digest()
    second = site.load(patient(), *found)
    assert site.store.digest() == once
    assert second.resources.get("Observation", {}).get("added", 0) == 0
    assert first.files.keys() != second.files.keys()


@PROPERTY
@given(data=st.data())
def test_results_loaded_one_by_one_in_any_order_are_those_loaded_together(
    new_site: Callable[[], Any], patient: Any, observation: Any, data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(lines(patient, observation), max_size=8))
    results = [x for x in drawn if isinstance(x, bytes) or "Patient/" not in repr(x.get("entry"))]
    results = [x for x in results if isinstance(x, bytes) or x["resourceType"] != "Patient"]
    together, one_by_one = new_site(), new_site()
    together.load(patient(), patient(id="p2", birthDate="2019"), *results)
    one_by_one.load(patient(), patient(id="p2", birthDate="2019"))
    for result in data.draw(st.permutations(results)):
        one_by_one.load(result)
    assert together.store.digest() == one_by_one.store.digest()


@PROPERTY
@given(data=st.data())
def test_gzip_is_plain_and_line_ends_do_not_matter(
    new_site: Callable[[], Any], patient: Any, observation: Any, data: st.DataObject
) -> None:
    found = [patient(), *data.draw(st.lists(lines(patient, observation), max_size=8))]
    plain, packed = new_site(), new_site()
    plain_report = plain.load_files(plain.write(found))
    packed_report = packed.load_files(packed.write(found, compress=True))
    assert plain.store.digest() == packed.store.digest()
    assert plain_report.rejected_by_code == packed_report.rejected_by_code
    windows = new_site()
    path = windows.write(found)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    windows.load_files(path)
    assert windows.store.digest() == plain.store.digest()
