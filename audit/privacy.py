"""zCDP rho turned into epsilon, and what the distributed noise costs: pure arithmetic of the terms.

Unit of privacy: one person's record at one site; neighbours differ by that record's contribution
being zero. Rounds are full batch, so each costs rho = 1 / (2 sigma^2) and rho adds up.

The one conversion used for what is shown is Canonne, Kamath and Steinke (2020, arXiv 2004.00010),
corollary 13.
"""

from __future__ import annotations

import math
from fractions import Fraction

from chain.messages import Terms, rho_of_round

RHO_UNIT = 10**18  # rho and delta are in 1e-18
NOISE_MULTIPLIER_UNIT = 10**6  # Terms.noise_multiplier is in millionths

_MAX_NOISE_MULTIPLIER = 10**12  # sigma of a million: epsilon is below 0.01 for any study


def epsilon_canonne_kamath_steinke(rho: float, delta: float) -> float:
    """The smallest epsilon at `delta` that rho-zCDP implies by corollary 13 of arXiv 2004.00010.

    The infimum over alpha > 1 of alpha rho + ln(1 - 1/alpha) - ln(alpha delta) / (alpha - 1). Any
    alpha gives a valid epsilon, so the numerical search can only err on the safe side.
    """
    _check(rho, delta)
    if rho == 0:
        return 0.0

    def bound(log_excess: float) -> float:
        excess = math.exp(log_excess)  # alpha - 1
        return (
            (1 + excess) * rho
            + log_excess
            - math.log1p(excess)
            - (math.log(delta) + math.log1p(excess)) / excess
        )

    # One minimum: a coarse scan finds its neighbourhood, golden sections close in on it.
    step = 0.25
    start = min((bound(k * step), k * step) for k in range(-80, 241))[1]
    low, high = start - step, start + step
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if bound(left) < bound(right):
            high = right
        else:
            low = left
    return max(0.0, min(bound(start), bound((low + high) / 2)))


def epsilon_bun_steinke(rho: float, delta: float) -> float:
    """rho + 2 sqrt(rho ln(1/delta)): Bun and Steinke (2016, arXiv 1605.02065), proposition 1.3."""
    _check(rho, delta)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


def site_variance(terms: Terms) -> Fraction:
    """Variance of one site's noise in grid steps squared: (sigma C)^2 / (m - t).

    Raises:
        ValueError: the terms leave no site whose noise can be counted on, or no noise.
    """
    honest = terms.min_sites - terms.tolerated_colluders
    if honest < 1:
        raise ValueError(
            f"minimum of sites {terms.min_sites} less tolerated colluders "
            f"{terms.tolerated_colluders} leaves no honest site"
        )
    scale = Fraction(terms.noise_multiplier * terms.clipping_norm, NOISE_MULTIPLIER_UNIT)
    if scale <= 0:
        raise ValueError("noise multiplier and clipping norm must be positive")
    return scale**2 / honest


def log_slack_of_round(terms: Terms) -> float:
    """Natural logarithm of the rho that one round costs beyond 1 / (2 sigma^2); -inf for none.

    n = m - t sites add discrete Gaussians of variance s^2 (grid steps squared) each; their sum is
    not quite one discrete Gaussian. Kairouz, Liu and Steinke (2021, ICML, theorem 5; arXiv
    2102.06387): the round is (e^2 / 2)-zCDP for e = min(sqrt(2 rho + 2 tau D),
    sqrt(2 rho) + tau sqrt(D)), where tau = 10 sum_{k=1}^{n-1} exp(-2 pi^2 s^2 k / (k + 1)).
    So the slack is min(tau D, tau sqrt(2 rho D) + tau^2 D / 2). More sites only add noise.

    Raises:
        ValueError: s is below 1/2, where the theorem does not hold.
    """
    variance = site_variance(terms)
    if 4 * variance < 1:
        raise ValueError("a site's noise has a standard deviation below half a grid step")
    honest = terms.min_sites - terms.tolerated_colluders
    if honest == 1:
        return -math.inf
    exponent = -2 * math.pi**2 * float(variance)
    log_tau = math.log(10) + _log_sum([exponent * k / (k + 1) for k in range(1, honest)])
    log_length = math.log(terms.vector_length)
    sigma = terms.noise_multiplier / NOISE_MULTIPLIER_UNIT
    log_two_rho = -2 * math.log(sigma)
    first = log_tau + log_length
    second = _log_sum(
        [log_tau + (log_two_rho + log_length) / 2, 2 * log_tau + log_length - math.log(2)]
    )
    return min(first, second)


def excess_noise(terms: Terms, contributors: int) -> float:
    """sqrt(|S| / (m - t)): how many times more noise (standard deviation) than central DP's.

    Raises:
        ValueError: fewer contributors than the terms demand.
    """
    if contributors < terms.min_sites:
        raise ValueError(f"{contributors} contributors; the terms demand {terms.min_sites}")
    return math.sqrt(contributors / (terms.min_sites - terms.tolerated_colluders))


def noise_multiplier_for(epsilon: float, delta: int, rounds: int) -> int:
    """The smallest noise multiplier (millionths) whose `rounds` rounds cost at most `epsilon`.

    By corollary 13 of Canonne, Kamath and Steinke and the ledger's rho for a round.

    Args:
        epsilon: positive.
        delta: in 1e-18, as in the terms.
        rounds: at least 1; count rounds that may be abandoned after their seal, they cost too.

    Raises:
        ValueError: an argument is out of range, or no multiplier up to a million does.
    """
    if epsilon <= 0 or rounds < 1:
        raise ValueError("epsilon must be positive and rounds at least 1")

    def fits(multiplier: int) -> bool:
        rho = rounds * rho_of_round(multiplier) / RHO_UNIT
        return epsilon_canonne_kamath_steinke(rho, delta / RHO_UNIT) <= epsilon

    low, high = 1, _MAX_NOISE_MULTIPLIER
    if not fits(high):
        raise ValueError(f"no noise multiplier up to a million keeps {rounds} rounds that private")
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _check(rho: float, delta: float) -> None:
    if not (0 <= rho < math.inf and 0 < delta < 1):
        raise ValueError("rho must be finite and not negative, delta between 0 and 1")


def _log_sum(logs: list[float]) -> float:
    largest = max(logs)
    return largest + math.log(sum(math.exp(value - largest) for value in logs))
