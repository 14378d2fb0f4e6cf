"""Which mutants a run takes, how they are named, and that a killed run goes on."""

from pathlib import Path

import pytest

from assurance.mutation import campaign, report
from assurance.mutation.mutants import Mutant, sample
from assurance.outcome import CheckError

TEXT = b"""contract Door {
    function open(uint256 key) external {
        if (key == 0) revert NoKey();
        _require(fits(key, 1), "key");
        opened += 1;
    }
}
"""


def mutant(file: str, place: str, new: str, operator: str) -> Mutant:
    start = TEXT.index(place.encode())
    return Mutant(file, start, start + len(place), new, operator)


NEGATED = mutant("contracts/Door.sol", "key == 0", "!(key == 0)", "MIA")
OTHERS = [
    mutant("contracts/Door.sol", "key == 0", f"key {sign} 0", "ROR") for sign in ("!=", "<", ">")
] + [mutant("contracts/Gate.sol", "+=", sign, "ASOR") for sign in ("-=", "=", "*=", "|=")]


def test_every_negation_is_taken_and_the_rest_spread_over_files_and_operators() -> None:
    taken = sample([NEGATED, *OTHERS], 3, seed=1)
    assert NEGATED in taken
    assert {one.file for one in taken if one is not NEGATED} == {
        "contracts/Door.sol",
        "contracts/Gate.sol",
    }


def test_the_same_seed_takes_the_same_mutants() -> None:
    assert sample([NEGATED, *OTHERS], 5, seed=7) == sample([NEGATED, *OTHERS], 5, seed=7)
    assert len({tuple(sample([NEGATED, *OTHERS], 3, seed=s)) for s in range(20)}) > 1


def test_a_mutant_is_named_by_its_lines_and_not_by_their_place() -> None:
    moved = Mutant(NEGATED.file, NEGATED.start + 3, NEGATED.end + 3, NEGATED.new, "MIA")
    assert moved.key(b"\n\n\n" + TEXT) == NEGATED.key(TEXT)
    assert OTHERS[0].key(TEXT) != NEGATED.key(TEXT)
    assert NEGATED.line(TEXT) == 3
    assert NEGATED.changed_lines(TEXT) == [
        "-        if (key == 0) revert NoKey();",
        "+        if (!(key == 0)) revert NoKey();",
    ]


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    campaign._State(path, "tests", tests_grew=False).add(NEGATED, "killed")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"mutant": "contracts/Do')
    again = campaign._State(path, "tests", tests_grew=False)
    assert list(again.verdicts.values()) == ["killed"]
    assert campaign._name(NEGATED) in again.verdicts


def test_a_survivor_is_accepted_for_a_reason_only(tmp_path: Path) -> None:
    accepted = tmp_path / "accepted.toml"
    accepted.write_text('[[survivor]]\nkey = "ab"\nreason = "fine"\n', encoding="utf-8")
    with pytest.raises(CheckError, match="ab has no reason"):
        report._accepted(accepted)
    accepted.write_text('[[survivor]]\nkey = "ab"\nreason = "the value is overwritten"\n')
    assert report._accepted(accepted) == {"ab": "the value is overwritten"}
