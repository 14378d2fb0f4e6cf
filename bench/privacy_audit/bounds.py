"""What an attack's successes prove about epsilon, with confidence.

Membership inference over many runs: (epsilon, delta)-DP bounds every test by TPR <= e^epsilon FPR +
delta (Kairouz, Oh and Viswanath, ICML 2015, theorem 2.1); rates are bounded by Clopper and Pearson
(1934). Of a mechanism that is as hard to test as some Gaussian, more can be said: Nasr et al.,
"Tight auditing of differentially private machine learning" (USENIX Security 2023), section 4.

One run: Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run" (NeurIPS 2023,
arXiv 2305.08846), theorem 5.2.
"""

from __future__ import annotations

import math

import numpy as np
from dp_accounting.gaussian_mechanism import get_epsilon_gaussian
from scipy import optimize, stats

CONFIDENCE = 0.95


def rate_at_most(count: int, trials: int, miss: float) -> float:
    """Clopper and Pearson's upper bound of a rate seen `count` times in `trials`; wrong with
    probability at most `miss`.
    """
    return 1.0 if count == trials else float(stats.beta.ppf(1 - miss, count + 1, trials - count))


def rates(
    inside: np.ndarray, outside: np.ndarray, threshold: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """(FPR, FNR) at most, together with `confidence`, of the test "member when score > threshold".

    ``inside``, ``outside``: float [trials], scores of runs with the record and without.
    """
    miss = (1 - confidence) / 2
    return (
        rate_at_most(int((outside > threshold).sum()), len(outside), miss),
        rate_at_most(int((inside <= threshold).sum()), len(inside), miss),
    )


def epsilon_of_rates(fpr: float, fnr: float, delta: float) -> float:
    """The smallest epsilon at which an (epsilon, delta)-DP mechanism allows such error rates."""
    found = [
        math.log((1 - missed - delta) / wrong)
        for wrong, missed in ((fpr, fnr), (fnr, fpr))
        if 1 - missed - delta > 0 and wrong > 0
    ]
    return max(0.0, *found, 0.0)


def mu_of_rates(fpr: float, fnr: float) -> float:
    """The smallest mu at which a mu-Gaussian-DP mechanism (Dong, Roth and Su 2022) allows them."""
    return max(0.0, float(stats.norm.isf(fpr) + stats.norm.isf(fnr)))


def epsilon_of_gaussian(mu: float, delta: float) -> float:
    """Epsilon at delta of the Gaussian mechanism of sensitivity mu and noise 1, exactly (Balle and
    Wang 2018, theorem 8).
    """
    return float(get_epsilon_gaussian(1 / mu, delta)) if mu > 0 else 0.0


def best_threshold(inside: np.ndarray, outside: np.ndarray, value) -> float:
    """The threshold that makes ``value(fpr, fnr)`` largest on these scores.

    To be used on other scores than those it is judged by: the bound holds for a threshold that was
    fixed before.
    """
    scores = np.unique(np.concatenate([inside, outside]))
    middles = (scores[1:] + scores[:-1]) / 2 if len(scores) > 1 else scores
    if len(middles) > 400:
        middles = middles[np.linspace(0, len(middles) - 1, 400).astype(int)]
    return float(max(middles, key=lambda t: value(*rates(inside, outside, t))))


def p_value_of_one_run(
    canaries: int, guesses: int, correct: int, epsilon: float, delta: float
) -> float:
    """How likely an (epsilon, delta)-DP mechanism lets `correct` or more guesses be right.

    Theorem 5.2: each of `canaries` is in with probability 1/2 by itself; the auditor guesses
    `guesses` of them. With W ~ Binomial(guesses, e^epsilon / (e^epsilon + 1)) it is at most
    P[W >= v] + 2 m delta max_i P[v > W >= v - i] / i.
    """
    if not 0 <= correct <= guesses <= canaries:
        raise ValueError("need 0 <= correct <= guesses <= canaries")
    accuracy = 1 / (1 + math.exp(-epsilon))
    tail = float(stats.binom.sf(correct - 1, guesses, accuracy))
    below = np.cumsum(stats.binom.pmf(np.arange(correct - 1, -1, -1), guesses, accuracy))
    worst = float((below / np.arange(1, correct + 1)).max()) if correct else 0.0
    return min(1.0, tail + 2 * canaries * delta * worst)


def epsilon_of_one_run(
    canaries: int, guesses: int, correct: int, delta: float, confidence: float = CONFIDENCE
) -> float:
    """The largest epsilon that so many correct guesses refute, with `confidence`; 0.0 for none."""

    def excess(epsilon: float) -> float:
        return p_value_of_one_run(canaries, guesses, correct, epsilon, delta) - (1 - confidence)

    if excess(0.0) >= 0:
        return 0.0
    top = 1.0
    while excess(top) < 0 and top < 64:
        top *= 2
    return float(optimize.brentq(excess, 0.0, top)) if excess(top) > 0 else top
