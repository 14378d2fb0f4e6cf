"""Proved is what halmos proved in full, refuted what it refuted by an example."""

from pathlib import Path
from typing import Any

import pytest

from assurance import symbolic_checks
from assurance.outcome import CheckError
from assurance.symbolic_checks import not_proved, not_refuted, statements

EXAMPLE = {"model": {"x": {"variable_name": "x", "value": 7}}, "is_valid": True}
PROVED: dict[str, Any] = {"exitcode": 0, "models": [], "num_paths": [3, 2, 0]} | {
    "num_bounded_loops": 0
}
REFUTED: dict[str, Any] = PROVED | {"exitcode": 1, "models": [EXAMPLE]}


def test_a_full_proof_and_a_refutation_are_no_problem() -> None:
    assert not_proved({"check_a", "refuted_b"}, {"check_a": PROVED}) == []
    assert not_refuted({"check_a", "refuted_b"}, {"refuted_b": REFUTED}) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (REFUTED, "is wrong: x = 0x7"),
        ({"exitcode": 2}, "could not be proved"),
        ({"exitcode": 3}, "could not be proved"),
        ({"num_bounded_loops": 1}, "some turns of a loop"),
        ({"num_paths": [3, 2, 1]}, "1 blocked"),
        ({"num_paths": [3, 0, 0]}, "on 0 of 3 paths"),
    ],
)
def test_less_than_a_full_proof_is_none(change: dict[str, Any], says: str) -> None:
    (problem,) = not_proved({"check_a"}, {"check_a": PROVED | change})
    assert says in problem


@pytest.mark.parametrize(
    "change", [PROVED, {"exitcode": 2}, {"models": []}, {"models": [EXAMPLE | {"is_valid": False}]}]
)
def test_a_wrong_statement_that_is_not_refuted_is_a_problem(change: dict[str, Any]) -> None:
    (problem,) = not_refuted({"refuted_b"}, {"refuted_b": REFUTED | change})
    assert "was not refuted" in problem


def test_a_statement_that_was_not_tried_is_a_problem_and_no_statement_is_an_error() -> None:
    assert not_proved({"check_a"}, {}) == ["check_a was not tried"]
    assert not_refuted({"refuted_b"}, {}) == ["refuted_b was not tried"]
    assert not_proved(set(), {"check_a": PROVED}) == ["check_a was tried and is not stated"]


def test_statements_are_read_from_the_sources(tmp_path: Path) -> None:
    source = tmp_path / "A.sol"
    source.write_text("function check_a(uint x) external {}\nfunction help() {}", encoding="utf-8")
    with pytest.raises(CheckError, match="refuted_"):
        statements(tmp_path)
    (tmp_path / "B.sol").write_text("function refuted_b() external {}", encoding="utf-8")
    assert statements(tmp_path) == {"check_a", "refuted_b"}
    (tmp_path / "C.sol").write_text("function check_a() external {}", encoding="utf-8")
    with pytest.raises(CheckError, match="same name"):
        statements(tmp_path)


def test_each_committed_check_has_a_wrong_one_in_its_contract() -> None:
    for path in symbolic_checks._SPECIFICATIONS.glob("*.sol"):
        text = path.read_text(encoding="utf-8")
        checks, refuted = text.count("function check_"), text.count("function refuted_")
        assert checks == refuted, path.name
