"""How long a round's sum can be when every site is honest; coordinator, gate and verifier ask.

Under secure aggregation nobody sees one site's vector, but everybody sees the sum: n patients'
rows, each at most C long, and the noise of |S| sites. A sum that is longer has a vector in it that
the approved code cannot have made. It does not say whose: a replay does.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from audit.errors import SumTooLong
from audit.privacy import site_variance
from chain.messages import Terms

EXPONENT = 14
"""An honest round is refused with probability at most e^-14, below one in a million."""

_ROUNDING = 1e-6  # far above what float64 sums of squares lose on any machine


def longest_sum(count: int, contributors: int, terms: Terms) -> int:
    """`longest_vector` of a round under these terms, in grid steps.

    Raises:
        ValueError: the terms have no noise, see `site_variance`.
    """
    variance = site_variance(terms)
    return longest_vector(count, contributors, terms.vector_length, terms.clipping_norm, variance)


def longest_vector(
    count: int, contributors: int, size: int, clipping_norm: int, variance: Fraction
) -> int:
    """The length, in grid steps, that honest vectors exceed with probability at most e^-EXPONENT.

    count C, for each row is at most C long, plus the noise's tail. A discrete Gaussian of parameter
    s^2 = ``variance``, one site's, is sub-Gaussian with it (Canonne, Kamath and Steinke 2020, arXiv
    2004.00010, corollary 17), a sum of them with the sum; so the noise of |S| = ``contributors``
    sites in D = ``size`` numbers has a squared norm above |S| s^2 (D + 2 sqrt(D t) + 2 t) with
    probability at most e^-t (Hsu, Kakade and Zhang 2012, arXiv 1110.2842, theorem 2.1). Whole
    numbers, rounded up: the same on any machine.
    """
    spread = size + 2 * (math.isqrt(EXPONENT * size) + 1) + 2 * EXPONENT
    squares = math.ceil(variance * contributors * spread)
    return count * clipping_norm + math.isqrt(squares) + 1


def require_plausible_sum(
    total: NDArray[np.int64], count: int, contributors: int, terms: Terms
) -> None:
    """Refuses a sum that honest sites would not have made.

    Args:
        total: int64 [D], in grid steps, noise included.
        count: patients in the sealed cohorts; contributors: sites in the seal.

    Raises:
        SumTooLong: the message gives length and bound.
    """
    try:
        longest = longest_sum(count, contributors, terms)
    except ValueError as error:
        raise SumTooLong(f"the terms give no bound on a sum: {error}") from error
    # Only near the bound does it take exact arithmetic to come to the same answer everywhere.
    length = float(np.sqrt(np.square(total.astype(np.float64)).sum()))
    if length <= longest * (1 - _ROUNDING):
        return
    squares = sum(number * number for number in total.tolist())
    if squares > longest * longest:
        raise SumTooLong(
            f"the sum of {contributors} sites' vectors is {math.isqrt(squares)} grid steps long;"
            f" {count} patients' clipped rows with the sites' noise reach {longest} once in a"
            " million rounds. A site delivered what the approved app cannot have made: ask each"
            " member for a replay of this round"
        )
