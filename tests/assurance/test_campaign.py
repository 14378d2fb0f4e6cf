"""A run goes on where it was stopped, stops when a worker fails, and judges what it found."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from assurance.mutation import campaign, report
from assurance.mutation.mutants import Mutant
from assurance.outcome import CheckError, Outcome
from assurance.sources import ROOT

FILE = "contracts/Zcdp.sol"
TEXT = (ROOT / FILE).read_bytes()


def mutants(count: int) -> list[Mutant]:
    place = TEXT.index(b"Math.ceilDiv(") + len(b"Math.ceilDiv(")
    return [Mutant(FILE, place, place + 4, f"{n}e18", "LIR") for n in range(2, count + 2)]


class Bench:
    """Stands for the copy of the project, in which a mutant takes seconds."""

    tested: list[Mutant] = []  # noqa: RUF012  (emptied by the fixture)
    fails_after = 10_000

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Nothing to build."""

    def end(self) -> None:
        """Nothing runs."""

    def judge(self, mutant: Mutant) -> str:
        """Dead, until this run is killed."""
        if len(Bench.tested) >= Bench.fails_after:
            raise CheckError("Hardhat failed for another reason than a test")
        Bench.tested.append(mutant)
        return "killed"


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(campaign, "Workshop", Bench)
    monkeypatch.setattr(campaign, "_STATE", tmp_path)
    monkeypatch.setattr(report, "REPORT", tmp_path / "mutation.json")
    monkeypatch.setattr(campaign, "all_mutants", lambda: mutants(20))
    empty = tmp_path / "nothing.toml"
    empty.write_text("")
    monkeypatch.setattr(campaign, "judged", partial(report.judged, accepted_in=empty))
    monkeypatch.setattr(Bench, "tested", [])
    monkeypatch.setattr(Bench, "fails_after", 10_000)
    yield


def run(**options: float) -> Outcome:
    return campaign.check(Console(quiet=True), everything=True, **options)  # type: ignore[arg-type]


def test_a_killed_run_goes_on_and_tests_no_mutant_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Bench, "fails_after", 7)
    with pytest.raises(CheckError, match="another reason"):
        run()
    assert len(Bench.tested) == 7
    (state,) = tmp_path.glob("*.jsonl")
    with state.open("a", encoding="utf-8") as file:
        file.write('{"mutant": "torn by the ki')
    monkeypatch.setattr(Bench, "fails_after", 10_000)
    outcome = run()
    assert outcome.passed, outcome.problems
    assert outcome.figures["killed"] == 20
    assert len(set(Bench.tested)) == 20
    before = len(Bench.tested)
    assert run().figures["killed"] == 20
    assert len(Bench.tested) == before


@pytest.mark.parametrize("changed", ["_contracts_hash", "_tests_hash"])
def test_verdicts_hold_for_the_sources_that_they_were_found_on(
    monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    run()
    monkeypatch.setattr(campaign, changed, lambda: "changed")
    run()
    assert len(Bench.tested) == 40


def test_more_tests_can_only_kill_what_survived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run()
    (state,) = tmp_path.glob("*.jsonl")
    state.write_text(state.read_text().replace('"killed"', '"survived"', 3))
    monkeypatch.setattr(campaign, "_tests_hash", lambda: "more")
    outcome = run(tests_grew=True)
    assert len(Bench.tested) == 23
    assert outcome.figures["killed"] == 20
    monkeypatch.setattr(campaign, "_contracts_hash", lambda: "changed")
    run(tests_grew=True)
    assert len(Bench.tested) == 43


def test_time_that_is_up_is_no_pass() -> None:
    with pytest.raises(CheckError, match="No mutant"):
        run(limit=-1)
    judged = report.judged(mutants(3), {mutants(3)[0]: "killed"}, mutants(3))
    assert any("2 mutants were not tested in time" in problem for problem in judged.problems)


def test_two_runs_do_not_share_a_folder() -> None:
    with campaign._alone(), pytest.raises(CheckError, match="Another run"):
        run()


def accepting(tmp_path: Path, mutant: Mutant, reason: str = "No test can see it.") -> Path:
    path = tmp_path / "accepted.toml"
    path.write_text(f'[[survivor]]\nkey = "{mutant.key(TEXT)}"\nreason = "{reason}"\n')
    return path


def verdicts(found: list[Mutant], survivors: int) -> dict[Mutant, str]:
    return {one: "survived" if n < survivors else "killed" for n, one in enumerate(found)}


def test_a_survivor_needs_a_reason(tmp_path: Path) -> None:
    found = mutants(40)
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    outcome = report.judged(found, verdicts(found, 1), found, empty)
    (problem,) = outcome.problems
    assert f"{FILE}:" in problem and "-        return Math.ceilDiv(1e18" in problem
    accepted = accepting(tmp_path, found[0])
    assert report.judged(found, verdicts(found, 1), found, accepted).passed
    (entry,) = json.loads(report.REPORT.read_text())["survivors"]
    assert entry["reason"] == "No test can see it."
    with pytest.raises(CheckError, match="no reason"):
        report.judged(found, verdicts(found, 1), found, accepting(tmp_path, found[0], "fine"))


def test_too_many_survivors_fail_whatever_their_reasons(tmp_path: Path) -> None:
    found = mutants(10)
    accepted = accepting(tmp_path, found[0])
    (problem,) = report.judged(found, verdicts(found, 1), found, accepted).problems
    assert problem.startswith("90.0%")


def test_invalid_and_equivalent_mutants_do_not_count(tmp_path: Path) -> None:
    found = mutants(10)
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    of = {one: ("invalid", "equivalent", "killed")[min(n, 2)] for n, one in enumerate(found)}
    outcome = report.judged(found, of, found, empty)
    assert outcome.passed
    assert outcome.figures["score"] == 1.0
    assert outcome.summary.startswith("8 of 8")


def test_a_reason_for_what_is_killed_or_no_longer_made_is_noticed(tmp_path: Path) -> None:
    found = mutants(10)
    accepted = accepting(tmp_path, found[0])
    (problem,) = report.judged(found, verdicts(found, 0), found, accepted).problems
    assert problem.endswith("is killed")
    (problem,) = report.judged(found[1:], verdicts(found[1:], 0), found[1:], accepted).problems
    assert "no change makes any more" in problem
