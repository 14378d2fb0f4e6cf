"""Every finding has a reason, and every reason a finding."""

from pathlib import Path

import pytest

from assurance import explained
from assurance.explained import Finding, problems
from assurance.outcome import CheckError

REASON = "It is so by design."
TIME = Finding("timestamp", "Ledger.open", "uses the time")
LOOP = Finding("calls-loop", "Ledger.close", "calls in a loop")


def page(tmp_path: Path, *entries: str) -> Path:
    path = tmp_path / "explained.toml"
    path.write_text("\n".join(f"[[slither]]\n{entry}" for entry in entries), encoding="utf-8")
    return path


def entry(finding: Finding, more: str = "") -> str:
    named = f'detector = "{finding.detector}"\nelements = ["{finding.element}"]\n'
    return f'{named}reason = "{REASON}"\n{more}\n'


def test_explained_findings_are_no_problem(tmp_path: Path) -> None:
    path = page(tmp_path, entry(TIME), entry(LOOP, "count = 2"))
    assert problems([TIME, LOOP, LOOP], "slither", path) == []


def test_a_finding_without_a_reason_is_named_with_what_was_said(tmp_path: Path) -> None:
    (problem,) = problems([TIME, LOOP], "slither", page(tmp_path, entry(TIME)))
    assert "calls-loop in Ledger.close" in problem and LOOP.says in problem


def test_one_finding_more_of_the_same_name_is_noticed(tmp_path: Path) -> None:
    (problem,) = problems([TIME, TIME], "slither", page(tmp_path, entry(TIME)))
    assert "2, of which 1 are explained" in problem


@pytest.mark.parametrize("found", [[], [TIME]])
def test_an_explanation_of_nothing_is_noticed(tmp_path: Path, found: list[Finding]) -> None:
    path = page(tmp_path, entry(TIME, "count = 2"))
    (problem,) = problems(found, "slither", path)
    assert "explains 2 of timestamp in Ledger.open" in problem


def test_a_tools_explanations_do_not_serve_another(tmp_path: Path) -> None:
    assert problems([TIME], "erc721", page(tmp_path, entry(TIME))) != []


def test_a_reason_must_be_given_once(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="has no reason"):
        problems([], "slither", page(tmp_path, entry(TIME).replace(REASON, "fine")))
    with pytest.raises(CheckError, match="twice"):
        problems([TIME], "slither", page(tmp_path, entry(TIME), entry(TIME)))


def test_the_committed_explanations_can_be_read() -> None:
    for tool in ("slither", "erc721"):
        assert all("explains" in problem for problem in problems([], tool, explained.FILE))
        assert problems([], tool, explained.FILE)
