"""What became of a withdrawn consent, in words for its holder.

They never claim more than the chain shows: which consents were active when a hospital chose its
patients, not whose records it counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from audit.remedies import Bound, CheckpointRemedy, Clock, Remedy, RoundUse, Withdrawal
from audit.times import moment
from chain.messages import LateRevocation, RoundState

MAY_HAVE = (
    "The chain shows when your consent was active and which hospitals took part, not whose records"
    " they counted. A round may have used your record when your consent was active as your hospital"
    " chose its patients, and the hospital's part went into the round. Whether your record was"
    " counted, only your receipt for that round proves, and it proves what the hospital committed"
    " to; that it trained on nothing else, nobody can see from outside."
)
RETIRED = (
    "A retired model is one that no later round may build on. Copies that somebody kept are not"
    " undone by that; the limit above holds for them too."
)
_BEYOND_COUNTING = 14.0
"""Epsilon from which a factor (a million and more) tells a person nothing but that it is large."""
_OUTCOME = {
    Remedy.NOT_USED: "no model has anything of your record",
    Remedy.BOUNDED: "the models stay; what they can tell of your record has the limit below",
    Remedy.RETIRED: "no later model builds on those that may have your record",
    Remedy.RETRAINED: "the newer models were made without your record",
}


@dataclass(frozen=True)
class PatientReport:
    """A report in parts, as text and page show it.

    Attributes:
        headline: the outcome in a sentence.
        facts: (subject, sentence) pairs.
        rounds: (round, how it ended, what the chain says of the record).
        models: (round that made it, what it has of the record); those that descend from a round
            which may have used it, and those trained again without it.
        remarks: what all this does not say.
    """

    token_id: int
    headline: str
    facts: tuple[tuple[str, str], ...]
    rounds: tuple[tuple[int, str, str], ...]
    models: tuple[tuple[int, str], ...]
    remarks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "headline": self.headline,
            "facts": [{"subject": subject, "words": words} for subject, words in self.facts],
            "remarks": list(self.remarks),
        }


def patient_report(withdrawal: Withdrawal) -> PatientReport:
    """A withdrawal in its holder's words."""
    facts = [
        ("you withdrew", _at(withdrawal.revoked.time, withdrawal.revoked.block)),
        ("use of your record", _halting(withdrawal)),
        ("outcome", _finishing(withdrawal)),
    ]
    if withdrawal.bound is not None:
        facts.append(("limit", limit(withdrawal.bound)))
    models = [
        (one.round, _model(one)) for one in withdrawal.checkpoints if one.remedy != Remedy.NOT_USED
    ]
    remarks = (MAY_HAVE, *((RETIRED,) if any(one.retired for one in withdrawal.descending) else ()))
    return PatientReport(
        token_id=withdrawal.token_id,
        headline=_headline(withdrawal),
        facts=tuple(facts),
        rounds=tuple((use.round, _ended(use), _counted(use)) for use in withdrawal.uses),
        models=tuple(models),
        remarks=remarks,
    )


def limit(bound: Bound) -> str:
    """What an (epsilon, delta) guarantee says to a person (Dwork and Roth 2014, section 2.3)."""
    if bound.epsilon < _BEYOND_COUNTING:
        factor = math.exp(bound.epsilon)
        # a bound, so never rounded down
        times = f"{math.ceil(10 * factor) / 10:,.1f}" if factor < 100 else f"{math.ceil(factor):,}"
        likely = f"is at most {times} times as likely"
    else:
        likely = "may be a million times as likely, or more,"
    rounds = "the one round" if bound.rounds == 1 else f"the {bound.rounds} rounds"
    return (
        f"whatever anybody learns from these rounds, models included, {likely} with your"
        " record in them as without it, but for a chance of one in"
        f" {round(1 / bound.delta):,} (epsilon {bound.epsilon:.3g} at delta {bound.delta:.1g}, over"
        f" {rounds} that may have used it, abandoned ones included)"
    )


def _headline(withdrawal: Withdrawal) -> str:
    match withdrawal.remedy:
        case Remedy.NOT_USED if withdrawal.halting.ended is None:
            return "A round that was under way may still use your record."
        case Remedy.NOT_USED if withdrawal.uses:
            return "No model was made from your record: what may have used it was abandoned."
        case Remedy.NOT_USED:
            return "No round can have used your record under this consent."
        case Remedy.BOUNDED:
            return "The study goes on with models that may have been made with your record."
        case Remedy.RETIRED:
            return "The models that may have been made with your record are retired."
        case Remedy.RETRAINED:
            return "The study went back and trained again without your record."


def _halting(withdrawal: Withdrawal) -> str:
    halting = withdrawal.halting
    if halting.at_once:
        stopped = f"stopped at once: from block {halting.block} on no round can include it"
        if withdrawal.policy == LateRevocation.ABANDON:
            return f"{stopped}, and the round that was under way can make no model of it"
        return stopped
    why = "the study you agreed to lets a round that had chosen its patients go on"
    if halting.ended is None:
        return f"stops by {moment(halting.deadline)} at the latest: {why}"
    where = "" if halting.block is None else f" (block {halting.block})"
    return f"stopped {moment(halting.ended)}{where}, {_timely(halting)}: {why}"


def _finishing(withdrawal: Withdrawal) -> str:
    finishing, remedy = withdrawal.finishing, withdrawal.remedy
    outcome = f"{_OUTCOME[remedy]} (class: {remedy.value})"
    if finishing.ended is not None:
        return f"{outcome}; final since {moment(finishing.ended)}"
    return (
        f"{outcome}, so far; until {moment(finishing.deadline)} the reviewers may"
        " take the study back to before your record"
    )


def _timely(clock: Clock) -> str:
    return f"{'before' if clock.in_time else 'after'} the deadline of {moment(clock.deadline)}"


def _model(one: CheckpointRemedy) -> str:
    match one.remedy:
        case Remedy.RETRAINED:
            return "made after the study went back, without your record"
        case Remedy.RETIRED if one.retired is not None:
            return f"may have something of it; retired {moment(one.retired.time)}"
        case _:
            return "may have something of it, within the limit above"


def _ended(use: RoundUse) -> str:
    if use.made:
        return "closed: a model was made"
    if use.state == RoundState.ABORTED:
        return "abandoned: no model was made"
    return "not over yet"


def _counted(use: RoundUse) -> str:
    return (
        f"may have used it: your hospital counted {use.counted} of {use.active} patients whose"
        " consent was active"
    )


def _at(time: int, block: int) -> str:
    return f"{moment(time)} (block {block})"
