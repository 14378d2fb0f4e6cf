"""docs/records.md is a reference, so it must say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from federation.gate.records.codes import CODES
from federation.gate.records.lis_mapping import LisMapping, parse_mapping
from federation.gate.records.rejections import HOW_TO_FIX

PAGE = (Path(__file__).parents[4] / "docs" / "records.md").read_text(encoding="utf-8")


def test_the_page_lists_every_code_with_its_unit_and_limits() -> None:
    for row in CODES.values():
        line = f"| {row.loinc} | {row.display} | {row.unit} | {row.low:g} to {row.high:g} |"
        assert line in PAGE
    assert len(re.findall(r"^\| \d+-\d \|", PAGE, re.MULTILINE)) == len(CODES)


def test_the_page_lists_every_rejection_code_and_its_remedy() -> None:
    for code, remedy in HOW_TO_FIX.items():
        assert f"| `{code}` | {remedy} |" in PAGE


def test_the_mapping_shown_is_valid_and_names_every_key() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert set(parse_mapping(shown).model_fields_set) == set(LisMapping.model_fields)
