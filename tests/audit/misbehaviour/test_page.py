"""The catalogue is whole, its page says what it says, and what it refers to exists."""

from __future__ import annotations

import ast

import pytest

from stack.binaries import ROOT
from tests.audit.misbehaviour.catalogue import CATALOGUE
from tests.audit.misbehaviour.kinds import Elsewhere, NotDetectable, Who
from tests.audit.misbehaviour.page import page

PAGE = ROOT / "docs" / "misbehaviour.md"
ELSEWHERE = [entry for entry in CATALOGUE if isinstance(entry, Elsewhere)]
HIDDEN = [entry for entry in CATALOGUE if isinstance(entry, NotDetectable)]


def test_the_page_is_the_catalogue() -> None:
    made = page()
    shown = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if shown != made:
        fresh = ROOT / "out" / PAGE.name
        fresh.parent.mkdir(exist_ok=True)
        fresh.write_text(made, encoding="utf-8")
        pytest.fail(f"docs/{PAGE.name} is not the catalogue: take {fresh}")


def test_every_lie_has_a_name_of_its_own_and_everybody_lies() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(names) == len(set(names))
    assert {entry.who for entry in CATALOGUE} == set(Who)
    assert not any("|" in entry.act for entry in CATALOGUE)


@pytest.mark.parametrize("lie", ELSEWHERE, ids=[lie.name for lie in ELSEWHERE])
def test_the_test_that_tells_the_lie_elsewhere_exists_and_names_the_answer(lie: Elsewhere) -> None:
    path, _, name = lie.test.partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    found = [
        ast.get_source_segment(source, node) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert len(found) == 1
    assert lie.refusal in found[0]


@pytest.mark.parametrize("lie", HIDDEN, ids=[lie.name for lie in HIDDEN])
def test_what_nobody_can_find_out_is_in_the_threat_model(lie: NotDetectable) -> None:
    rows = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8").splitlines()
    assert sum(row.startswith(f"| {lie.row}") for row in rows) == 1


def test_the_threat_model_leads_to_the_catalogue() -> None:
    assert "(misbehaviour.md)" in (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
