"""Membership inference with a canary: many runs with the record, as many without."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np

from bench.privacy_audit import bounds
from bench.privacy_audit.canaries import extreme_record, one_gradient
from bench.privacy_audit.mechanism import (
    Attempt,
    Fault,
    Mechanism,
    Transcript,
    closed_rounds,
    rerun_rounds,
)
from twin.series import PatientSeries

CHOOSING = 1 / 3
"""Share of the runs by which thresholds are chosen; the bounds come from the others."""


class Attack(StrEnum):
    """What the auditor plants. A gradient of full norm, turned around from round to round; a record
    with such a gradient; the gradient once more, but each round is abandoned after its seal because
    its patient withdrew, and run again without it.
    """

    GRADIENT = "gradient"
    RECORD = "record"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Finding:
    """One attack on one mechanism.

    ``lower_bound``: epsilon that the runs refute with 95 % confidence, whatever the mechanism is;
    ``lower_bound_gaussian``: the same if the mechanism is as hard to test as some Gaussian, which
    is what is claimed. ``tight``: the exact epsilon of the claimed Gaussian, which no attack on a
    right mechanism beats. ``highest_possible``: ``lower_bound`` if every guess were right: what
    this many runs can show at most. ``caught``: a bound is above the claim.
    """

    attack: str
    fault: str
    claimed: float
    delta: float
    tight: float
    runs: int
    lower_bound: float
    lower_bound_gaussian: float
    highest_possible: float
    highest_possible_gaussian: float
    caught: bool

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def scores(
    mechanism: Mechanism,
    others: Sequence[PatientSeries],
    attack: Attack,
    runs: int,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """The attack's score in `runs` runs with the canary and `runs` without, float [runs] each: the
    likelihood ratio's statistic, 1 on average with the canary in and 0 with it out.
    """
    if mechanism.rounds % 2:
        raise ValueError("the attacks need an even number of attempts")
    attempts: list[Attempt] = (
        rerun_rounds(mechanism.rounds)
        if attack == Attack.WITHDRAWN
        else closed_rounds(mechanism.rounds, alternating=attack == Attack.GRADIENT)
    )
    record = attack == Attack.RECORD
    records = [extreme_record(mechanism.model)] if record else []
    gradients = None if record else one_gradient(mechanism)
    found = []
    for inside in (True, False):
        for run in range(runs):
            secret = hashlib.sha256(f"{seed}/{attack}/{inside}/{run}".encode()).digest()
            transcript = mechanism.run(
                others, records, gradients, np.array([inside]), attempts, secret
            )
            found.append(_score(transcript, attack))
            tick()
    return np.array(found[:runs]), np.array(found[runs:])


def _score(transcript: Transcript, attack: Attack) -> float:
    seen, canary = transcript.seen, transcript.canaries[:, 0]
    if attack == Attack.WITHDRAWN:  # what the abandoned attempt shows, less its own second attempt
        seen, canary = seen[0::2] - seen[1::2], canary[0::2]
    return float((seen * canary).sum() / (canary**2).sum())


def judge(mechanism: Mechanism, attack: Attack, inside: np.ndarray, outside: np.ndarray) -> Finding:
    """What the scores prove."""
    delta, cut = mechanism.delta, max(1, round(CHOOSING * len(inside)))

    def epsilon(fpr: float, fnr: float) -> float:
        return bounds.epsilon_of_rates(fpr, fnr, delta)

    kept = (inside[cut:], outside[cut:])
    free, gaussian = (
        value(*bounds.rates(*kept, bounds.best_threshold(inside[:cut], outside[:cut], value)))
        for value in (epsilon, bounds.mu_of_rates)
    )
    gaussian = bounds.epsilon_of_gaussian(gaussian, delta)
    least = bounds.rate_at_most(0, len(kept[0]), (1 - bounds.CONFIDENCE) / 2)
    return Finding(
        attack=str(attack),
        fault=str(mechanism.fault),
        claimed=mechanism.epsilon,
        delta=delta,
        tight=bounds.epsilon_of_gaussian(mechanism.mu, delta),
        runs=2 * len(inside),
        lower_bound=free,
        lower_bound_gaussian=gaussian,
        highest_possible=epsilon(least, least),
        highest_possible_gaussian=bounds.epsilon_of_gaussian(
            bounds.mu_of_rates(least, least), delta
        ),
        caught=max(free, gaussian) > mechanism.epsilon,
    )


BROKEN: dict[Fault, Attack] = {
    Fault.SMALL_NOISE: Attack.GRADIENT,
    Fault.NO_CLIPPING: Attack.GRADIENT,
    Fault.SAME_NOISE_EACH_ATTEMPT: Attack.WITHDRAWN,
    Fault.SAME_NOISE_EACH_ROUND: Attack.GRADIENT,
}
"""Each fault with the attack that should find it."""
