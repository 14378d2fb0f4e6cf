"""docs/threat-model.md: every test that it names exists."""

from __future__ import annotations

import re

import pytest

from stack.binaries import ROOT
from tests.docs.page import page

NAMED = sorted(set(re.findall(r"`([\w/.]+)::(test_\w+)`", page("threat-model.md"))))


def test_the_table_of_claims_names_tests() -> None:
    assert len(NAMED) >= 20


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_stands_behind_a_claim_exists(path: str, name: str) -> None:
    if path.endswith(".sol"):
        assert f"function {name}(" in (ROOT / "contracts" / "test" / path).read_text()
    else:
        assert f"def {name}(" in (ROOT / "tests" / path).read_text()
