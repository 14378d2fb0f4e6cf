"""What a privacy account means to a person: how well somebody could guess that they took part."""

from __future__ import annotations

import math


def best_guess(rho: float) -> float:
    """The share of right guesses, at most, of who has to tell whether one record was used.

    The guesser knows everything else, sees all that was published, and the record was used or not
    with equal chance: 0.5 is a coin's toss, 1 is certainty.

    rho-zCDP bounds the Kullback-Leibler divergence by rho (Bun and Steinke 2016, arXiv 1605.02065,
    definition 1.1, for alpha to 1). That bounds the total variation distance by sqrt(rho / 2)
    (Pinsker) and by sqrt(1 - exp(-rho)) (Bretagnolle and Huber 1979); the best test is right in
    (1 + distance) / 2 of the cases (Neyman and Pearson).

    Raises:
        ValueError: ``rho`` is negative or not a number.
    """
    if not rho >= 0:
        raise ValueError(f"rho {rho} is not at least 0")
    return (1 + min(math.sqrt(rho / 2), math.sqrt(-math.expm1(-rho)))) / 2


def in_a_hundred(share: float) -> str:
    """A share as people say it, rounded up to a tenth: it is a bound, so never said too low."""
    tenths = math.ceil(round(share * 1000, 9))
    return f"{tenths // 10}" if tenths % 10 == 0 else f"{tenths / 10:.1f}"
