"""LIS rows: how they are read by the mapping, and each way in which one can be wrong."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from federation.gate.records.lis import load_lis
from federation.gate.records.lis_mapping import LisMapping, parse_mapping
from federation.gate.records.report import LoadReport

HEADER = "pat;taken;test;result;unit;nr;changed;state"


def mapping(**changes: Any) -> LisMapping:
    base: dict[str, Any] = {
        "format": "assent-lis-1",
        "csv": {"delimiter": ";", "decimal": ","},
        "timezone": "Europe/Berlin",
        "columns": {
            "patient": "pat",
            "time": "taken",
            "code": "test",
            "value": "result",
            "unit": "unit",
            "result_id": "nr",
            "updated": "changed",
            "status": "state",
        },
        "time_formats": ["%d.%m.%Y %H:%M", "%d.%m.%Y"],
        "statuses": {"final": ["F"], "removed": ["X"]},
        "missing": ["", "n.d."],
        "units": {"Gpt/l": "10*9/L"},
        "codes": {"BILI": {"loinc": "1975-2"}, "PLT": {"loinc": "777-3", "unit": "10*3/uL"}},
    }
    return parse_mapping(yaml.safe_dump(base | changes))


def load(site: Any, clock: Any, *rows: str | bytes, use: LisMapping | None = None) -> LoadReport:
    path = Path(site.folder) / "lab.csv"
    lines = [row if isinstance(row, bytes) else row.encode() for row in (HEADER, *rows)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return load_lis(site.store, path, use or mapping(), clock=clock)


@pytest.fixture(autouse=True)
def _known_patient(site: Any, patient: Any) -> None:
    site.load(patient())


def test_a_row_is_read_with_decimal_comma_local_time_local_unit_and_local_code(
    site: Any, clock: Any
) -> None:
    report = load(
        site,
        clock,
        "p1;03.02.2020 10:30;BILI;1,5;mg/dL;1;;F",
        "p1;03.02.2020;PLT;250;Gpt/l;1;;F",
        "p1;03.07.2020 10:30;PLT;251;;2;;F",
    )
    assert report.rejections == []
    assert report.conversions == {("777-3", "10*9/L", "10*3/uL"): 1}
    platelets_winter, bilirubin, platelets_summer = site.store.record("p1").observations
    assert (bilirubin.value, bilirubin.unit) == (1.5, "mg/dL")
    assert bilirubin.time == datetime(2020, 2, 3, 9, 30, tzinfo=UTC)
    assert platelets_winter.time == datetime(2020, 2, 2, 23, tzinfo=UTC)
    assert platelets_summer.time == datetime(2020, 7, 3, 8, 30, tzinfo=UTC)


ROWS = [
    ("LINE_NOT_CSV", "p1;03.02.2020;BILI;1,5"),
    ("LINE_NOT_CSV", 'p1;03.02.2020;BILI;"1,5;mg/dL;2;;F'),
    ("LINE_NOT_UTF8", b"p1;03.02.2020;BILI;1,5;\xb5mol/L;2;;F"),
    ("SUBJECT_MISSING", ";03.02.2020;BILI;1,5;mg/dL;2;;F"),
    ("SUBJECT_MISSING", "Mustermann, Erika;03.02.2020;BILI;1,5;mg/dL;2;;F"),
    ("SUBJECT_UNKNOWN", "p9;03.02.2020;BILI;1,5;mg/dL;2;;F"),
    ("CODE_MISSING", "p1;03.02.2020;;1,5;mg/dL;2;;F"),
    ("CODE_NOT_MAPPED", "p1;03.02.2020;CRP;1,5;mg/dL;2;;F"),
    ("DATE_MISSING", "p1;;BILI;1,5;mg/dL;2;;F"),
    ("DATE_INVALID", "p1;2020-02-03;BILI;1,5;mg/dL;2;;F"),
    ("DATE_INVALID", "p1;31.02.2020;BILI;1,5;mg/dL;2;;F"),
    ("DATE_IN_FUTURE", "p1;03.02.2999;BILI;1,5;mg/dL;2;;F"),
    ("DATE_BEFORE_BIRTH", "p1;03.02.1950;BILI;1,5;mg/dL;2;;F"),
    ("DATE_IMPLAUSIBLE", "p1;03.02.1850;BILI;1,5;mg/dL;2;;F"),
    ("FHIR_STATUS_NOT_FINAL", "p1;03.02.2020;BILI;1,5;mg/dL;2;;P"),
    ("VALUE_NOT_NUMBER", "p1;03.02.2020;BILI;1.5;mg/dL;2;;F"),
    ("VALUE_NOT_NUMBER", "p1;03.02.2020;BILI;hoch;mg/dL;2;;F"),
    ("VALUE_NOT_NUMBER", "p1;03.02.2020;PLT;1.250,0;/uL;2;;F"),
    ("VALUE_NOT_NUMBER", "p1;03.02.2020;BILI;nan;mg/dL;2;;F"),
    ("VALUE_NOT_FINITE", "p1;03.02.2020;BILI;1e999;mg/dL;2;;F"),
    ("VALUE_NEGATIVE", "p1;03.02.2020;BILI;-1;mg/dL;2;;F"),
    ("VALUE_IMPLAUSIBLE", "p1;03.02.2020;BILI;1500;mg/dL;2;;F"),
    ("VALUE_CENSORED", "p1;03.02.2020;BILI;<0,2;mg/dL;2;;F"),
    ("VALUE_CENSORED", "p1;03.02.2020;BILI;> 50;mg/dL;2;;F"),
    ("UNIT_MISSING", "p1;03.02.2020;BILI;1,5;;2;;F"),
    ("UNIT_NOT_UCUM", "p1;03.02.2020;BILI;1,5;parsecs;2;;F"),
    ("UNIT_NOT_CONVERTIBLE", "p1;03.02.2020;BILI;1,5;U/L;2;;F"),
    ("DUPLICATE", "p1;03.02.2020;BILI;1,6;mg/dL;1;;F"),
]


@pytest.mark.parametrize(("code", "row"), ROWS)
def test_a_faulty_row_is_refused_with_its_code_and_line(
    site: Any, clock: Any, code: str, row: str | bytes
) -> None:
    report = load(
        site,
        clock,
        "p1;03.02.2020;BILI;1,5;mg/dL;1;;F",
        row,
        "p1;04.02.2020;BILI;2,5;mg/dL;3;;F",
    )
    (rejection,) = report.rejections
    assert (rejection.code, rejection.line) == (code, 3)
    assert report.resources["LIS row"] == {"added": 2}
    assert "Mustermann" not in str(report.to_json())


def test_values_the_mapping_calls_missing_are_counted_and_not_rejected(
    site: Any, clock: Any
) -> None:
    report = load(site, clock, "p1;03.02.2020;BILI;n.d.;mg/dL;1;;F", "p1;03.02.2020;BILI;;;2;;F")
    assert report.skipped == {"value missing": 2}
    assert report.rejected == 0


def test_unmapped_codes_can_be_skipped(site: Any, clock: Any) -> None:
    use = mapping(unknown_codes="skip")
    report = load(site, clock, "p1;03.02.2020;CRP;5;mg/L;1;;F", use=use)
    assert report.skipped == {"code not mapped": 1}


def test_censored_values_are_taken_as_the_mapping_says(site: Any, clock: Any) -> None:
    use = mapping(censored={"below": "half", "above": "limit"})
    report = load(
        site,
        clock,
        "p1;03.02.2020;BILI;<0,2;mg/dL;1;;F",
        "p1;04.02.2020;BILI;>=50;mg/dL;2;;F",
        use=use,
    )
    assert site.values() == [0.1, 50.0]
    assert report.censored == 2


def test_patients_are_made_only_when_the_mapping_says_so(site: Any, clock: Any) -> None:
    use = mapping(unknown_patients="create", patient_prefix="x-")
    load(site, clock, "7;03.02.2020;BILI;1,5;mg/dL;1;;F", use=use)
    assert site.store.record_ids() == ["p1", "x-7"]
    load(site, clock, "8;03.02.2020;BILI;-1;mg/dL;1;;F", "9;03.02.2020;BILI;n.d.;;2;;F", use=use)
    assert site.store.record_ids() == ["p1", "x-7"]


def test_a_patient_resource_replaces_the_bare_patient_of_a_lis_row(
    site: Any, clock: Any, patient: Any
) -> None:
    use = mapping(unknown_patients="create")
    load(site, clock, "p2;03.02.2020;BILI;1,5;mg/dL;1;;F", use=use)
    report = site.load(patient(id="p2", birthDate="2021-01-01"))
    assert report.rejected == 0
    assert report.dropped_with_patient == 1


def test_a_corrected_row_replaces_and_a_withdrawn_row_removes(site: Any, clock: Any) -> None:
    load(site, clock, "p1;03.02.2020;BILI;1,5;mg/dL;1;03.02.2020;F")
    load(site, clock, "p1;03.02.2020;BILI;1,7;mg/dL;1;04.02.2020;F")
    assert site.values() == [1.7]
    load(site, clock, "p1;03.02.2020;BILI;;;1;05.02.2020;X")
    assert site.values() == []
    load(site, clock, "p1;03.02.2020;BILI;1,5;mg/dL;1;03.02.2020;F")
    assert site.values() == []


@pytest.mark.parametrize("row", [";03.02.2020", "p1;", "p1;03.02.2999"])
def test_a_faulty_row_withdraws_its_result_all_the_same(site: Any, clock: Any, row: str) -> None:
    load(site, clock, "p1;03.02.2020;BILI;1,5;mg/dL;1;;F")
    assert load(site, clock, f"{row};BILI;;;1;;X").rejected == 0
    assert site.values() == []


@pytest.mark.parametrize(
    "row",
    [
        "p9;03.02.2020;BILI;1,5;mg/dL;1;04.02.2020;F",
        "p1;03.02.2020;BILI;1,5;mg/dL;1;04.02.2020;P",
        "p1;03.02.2020;BILI;<0,2;mg/dL;1;04.02.2020;F",
        "p1;03.02.2020;BILI;n.d.;mg/dL;1;04.02.2020;F",
        ";03.02.2020;BILI;1,5;mg/dL;1;04.02.2020;F",
    ],
)
def test_a_result_is_not_used_when_its_newest_row_is_not(site: Any, clock: Any, row: str) -> None:
    old = "p1;03.02.2020;BILI;1,5;mg/dL;1;03.02.2020;F"
    load(site, clock, old)
    assert site.values() == [1.5]
    load(site, clock, row)
    assert site.values() == []
    load(site, clock, old)
    assert site.values() == []
    load(site, clock, "p1;03.02.2020;BILI;1,6;mg/dL;1;05.02.2020;F")
    assert site.values() == [1.6]


def test_loading_twice_or_packed_is_loading_once(site: Any, clock: Any) -> None:
    rows = ("p1;03.02.2020;BILI;1,5;mg/dL;1;;F", "p1;04.02.2020;BILI;2,5;mg/dL;;;F")
    load(site, clock, *rows)
    once = site.store.digest()
    assert load(site, clock, *rows).resources["LIS row"] == {"unchanged": 2}
    path = site.folder / "packed.csv.gz"
    path.write_bytes(gzip.compress("\n".join((HEADER, *rows)).encode()))
    load_lis(site.store, path, mapping(), clock=clock)
    assert site.store.digest() == once


def test_a_header_without_a_mapped_column_is_named_and_nothing_is_read(
    site: Any, clock: Any
) -> None:
    path = site.folder / "lab.csv"
    path.write_text("pat;taken;test;result;nr;changed;state\np1;03.02.2020;BILI;1;1;;F\n")
    (rejection,) = load_lis(site.store, path, mapping(), clock=clock).rejections
    assert (rejection.code, rejection.line) == ("LINE_NOT_CSV", 1)
    assert "once each: unit" in rejection.message


def test_another_encoding_can_be_named(site: Any, clock: Any) -> None:
    use = mapping(
        csv={"delimiter": ";", "decimal": ",", "encoding": "cp1252"}, units={"µmol/L": "umol/L"}
    )
    row = "p1;03.02.2020;BILI;17,1;µmol/L;1;;F".encode("cp1252")
    assert load(site, clock, row, use=use).rejections == []
    assert site.values() == [pytest.approx(1.0, rel=1e-3)]
