"""A mapping that is wrong anywhere is refused, and the message names every place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from federation.gate.records.datasets.pbcseq_files import lis_mapping
from federation.gate.records.errors import InputMissing, MappingInvalid
from federation.gate.records.lis_mapping import parse_mapping, read_mapping


def changed(**changes: Any) -> str:
    return yaml.safe_dump({k: v for k, v in (lis_mapping() | changes).items() if v is not ...})


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("format", {"format": "assent-lis-2"}),
    ("format", {"format": ...}),
    ("colums", {"colums": {}}),
    ("columns.value", {"columns": {"patient": "a", "time": "b", "code": "c"}}),
    ("timezone", {"timezone": "Middle/Earth"}),
    ("timezone", {"timezone": "../../etc/passwd"}),
    ("time_formats", {"time_formats": []}),
    ("time_formats", {"time_formats": ["%m.%Y"]}),
    ("time_formats", {"time_formats": ["%d.%m.%y"]}),
    ("time_formats", {"time_formats": ["%Q"]}),
    ("csv.delimiter", {"csv": {"delimiter": ";;"}}),
    ("csv.decimal", {"csv": {"decimal": ";"}}),
    ("csv.encoding", {"csv": {"encoding": "latin-99"}}),
    ("csv.encoding", {"csv": {"encoding": "utf-16"}}),
    ("same character", {"csv": {"delimiter": '"'}}),
    ("codes.X.loinc", {"codes": {"X": {"loinc": "1975-3"}}}),
    ("codes.X: unit is not UCUM", {"codes": {"X": {"loinc": "1975-2", "unit": "parsecs"}}}),
    ("codes.X: unit cannot be", {"codes": {"X": {"loinc": "1975-2", "unit": "kg"}}}),
    ("codes", {"codes": {12: {"loinc": "1975-2"}}}),
    ("censored.below", {"censored": {"below": "guess"}}),
    ("unknown_patients", {"unknown_patients": "maybe"}),
    ("patient_prefix", {"patient_prefix": "a b"}),
    ("statuses", {"statuses": {"final": ["F"]}}),
    (
        "need a unit: BILI",
        {
            "columns": {"patient": "a", "time": "b", "code": "c", "value": "d"},
            "codes": {"BILI": {"loinc": "1975-2"}},
        },
    ),
]


@pytest.mark.parametrize(("named", "changes"), WRONG)
def test_a_wrong_mapping_is_refused_and_the_place_named(
    named: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(MappingInvalid) as caught:
        parse_mapping(changed(**changes), "lab.yaml")
    assert named in str(caught.value)
    assert all(line.startswith("lab.yaml: ") for line in str(caught.value).splitlines())


def test_every_wrong_place_is_named_at_once() -> None:
    with pytest.raises(MappingInvalid) as caught:
        parse_mapping(changed(timezone="x", time_formats=[], format="y"))
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("text", ["", "- a", "just text", "a: [", "format: !!python/name:os.exit"])
def test_what_is_no_yaml_mapping_is_refused(text: str) -> None:
    with pytest.raises(MappingInvalid):
        parse_mapping(text)


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(MappingInvalid, match=r"line 3: the key 'A' is given twice"):
        parse_mapping("codes:\n  A: {loinc: 1975-2}\n  A: {loinc: 1751-7}\n")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="gone"):
        read_mapping(tmp_path / "gone.yaml")
    path = tmp_path / "m.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(MappingInvalid, match="UTF-8"):
        read_mapping(path)
