"""Auditing in one training run (Steinke, Nasr and Jagielski 2023): many canaries at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bench.privacy_audit import bounds
from bench.privacy_audit.canaries import orthogonal_gradients
from bench.privacy_audit.mechanism import Mechanism, closed_rounds
from twin.series import PatientSeries

MISS = (1 - bounds.CONFIDENCE) / 2
"""How often each of the two bounds of a run may be wrong."""


@dataclass(frozen=True)
class OneRun:
    """One audited run. ``guesses`` and ``correct``: for each number of guesses that was fixed
    before, how many were made and right. ``expected``: the bound when as many are right as the
    claimed Gaussian lets an ideal auditor have; ``highest_possible``: when all are.
    """

    fault: str
    claimed: float
    delta: float
    tight: float
    canaries: int
    guesses: tuple[int, ...]
    correct: tuple[int, ...]
    lower_bound: float
    expected: float
    highest_possible: float
    caught: bool

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def audit(mechanism: Mechanism, others: Sequence[PatientSeries], seed: int) -> OneRun:
    """One run with D x rounds orthogonal canaries, each in by its own fair coin.

    The auditor guesses the canaries whose scores are clearest, "in" above the middle between the
    scores' quartiles, which needs no trust in the claimed scale. How many it guesses
    is fixed before the run, as the theorem asks: the number that is best for the claim, and all of
    them, which is best for a mechanism that leaks much more. Each bound misses with half of 5 %, so
    the larger of the two holds with 95 %.
    """
    gradients = orthogonal_gradients(mechanism, mechanism.rounds)
    number = len(gradients(0))
    best, expected = guesses_for(mechanism, number)
    present = np.random.default_rng([seed, 1]).random(number) < 0.5
    secret = hashlib.sha256(f"{seed}/one run".encode()).digest()
    attempts = closed_rounds(mechanism.rounds)
    transcript = mechanism.run(others, [], gradients, present, attempts, secret)
    projections = np.einsum("rd,rkd->k", transcript.seen, transcript.canaries)
    scores = projections / (transcript.canaries**2).sum(axis=(0, 2))
    evidence = scores - np.quantile(scores, [0.25, 0.75]).mean()
    right = ((evidence > 0) == present)[np.argsort(-np.abs(evidence), kind="stable")]
    guesses = (best, number)
    correct = tuple(int(right[:count].sum()) for count in guesses)
    bound = _bound(number, guesses, correct, mechanism.delta)
    return OneRun(
        fault=str(mechanism.fault),
        claimed=mechanism.epsilon,
        delta=mechanism.delta,
        tight=bounds.epsilon_of_gaussian(mechanism.mu, mechanism.delta),
        canaries=number,
        guesses=guesses,
        correct=correct,
        lower_bound=bound,
        expected=expected,
        highest_possible=_bound(number, guesses, guesses, mechanism.delta),
        caught=bound > mechanism.epsilon,
    )


def _bound(
    canaries: int, guesses: tuple[int, ...], correct: tuple[int, ...], delta: float
) -> float:
    return max(
        bounds.epsilon_of_one_run(canaries, number, right, delta, 1 - MISS)
        for number, right in zip(guesses, correct, strict=True)
    )


def guesses_for(mechanism: Mechanism, canaries: int) -> tuple[int, float]:
    """How many canaries to guess, and the bound to expect: best on simulated scores of the claimed
    Gaussian, 1/2 away from the middle with noise 1 / mu.
    """
    generator = np.random.default_rng(11)
    evidence = 0.5 + generator.standard_normal((200, canaries)) / mechanism.mu
    order = np.argsort(-np.abs(evidence), axis=1)
    right = np.cumsum(np.take_along_axis(evidence > 0, order, axis=1), axis=1).mean(axis=0)
    counts = np.unique(np.geomspace(1, canaries, 40).astype(int))
    found = {
        int(count): bounds.epsilon_of_one_run(
            canaries, int(count), int(right[count - 1]), mechanism.delta, 1 - MISS
        )
        for count in counts
    }
    best = max(found, key=lambda count: found[count])
    return best, found[best]
