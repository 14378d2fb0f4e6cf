"""What the newest report says of each round, and of the study as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from audit.consent_state import StudyState
from audit.report import Kind
from audit.round_state import RoundFacts

Verified = Literal["holds", "does-not-hold", "changed-since", "not-verified"]
#: Fails in every report of ours: who serves a bundle cannot say which block is to be trusted.
ANCHOR = "anchor"
_ROUND = re.compile(r"^round (\d+)(?:$|,)")

WORDS: dict[Verified, str] = {
    "holds": "Everything of this round that the newest bundle holds was recomputed and holds.",
    "does-not-hold": "A check of the newest bundle fails for this round; `failed` names it.",
    "changed-since": "What the newest bundle holds of this round holds; the round has gone on"
    " since.",
    "not-verified": "No bundle that was verified here has this round; ask for one.",
}


@dataclass(frozen=True)
class RoundVerdict:
    """One round's place in the newest report; `failed` are names of checks.

    `faults` says of each broken duty on record who broke it and how: the evidence of it holds, so
    it fails nothing. The others count checks by how far they go (`audit.report.Kind`).
    """

    state: Verified
    failed: tuple[str, ...]
    faults: tuple[str, ...]
    recomputed: int
    attested: int
    pending: int


def verdicts(state: StudyState, report: dict[str, Any] | None) -> dict[int, RoundVerdict]:
    """Each round of the study by the report; every round of a report that fails as a whole fails.

    Args:
        report: as `assent verify --json` prints it; None: there is none.
    """
    whole = set() if report is None else {one["name"] for one in failed_of_study(report)}
    return {
        number: _verdict(facts, report, whole) for number, facts in state.history.rounds.items()
    }


def failed_of_study(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Failed checks that are of no one round, without the anchor."""
    return [one for one in failed(report) if _round_of(one) is None]


def failed(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Failed checks without the anchor."""
    return [one for one in report["checks"] if not one["ok"] and one["name"] != ANCHOR]


def faults(checks: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Broken duties on record, each as `assent verify` tells it: check, object and detail."""
    return tuple(
        f"{one['name']}: {one['object']}: {one['detail']}"
        for one in checks
        if one["kind"] == Kind.FAULT
    )


def _verdict(facts: RoundFacts, report: dict[str, Any] | None, whole: set[str]) -> RoundVerdict:
    covered = {} if report is None else {one["number"]: one["state"] for one in report["rounds"]}
    if report is None or facts.number not in covered:
        return RoundVerdict("not-verified", (), (), 0, 0, 0)
    own = [one for one in report["checks"] if _round_of(one) == facts.number]
    wrong = tuple(sorted({one["name"] for one in own if not one["ok"]} | whole))
    state: Verified = "holds"
    if wrong:
        state = "does-not-hold"
    elif covered[facts.number] != facts.state.name.lower():
        state = "changed-since"
    return RoundVerdict(
        state=state,
        failed=wrong,
        faults=faults(own),
        recomputed=_count(own, Kind.RECOMPUTED),
        attested=_count(own, Kind.ATTESTED),
        pending=_count(own, Kind.PENDING),
    )


def _count(checks: Iterable[dict[str, Any]], kind: Kind) -> int:
    return sum(one["kind"] == kind for one in checks)


def _round_of(check: dict[str, Any]) -> int | None:
    found = _ROUND.match(check["object"])
    return None if found is None else int(found[1])
