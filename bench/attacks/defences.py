"""What can be done with what is seen: each site's vector, or only their sum.

A defence gets the noised vectors of a round, int64 [sites, D], and the cohort sizes, and gives the
sum and count to apply, or None for a round that is refused. The classical ones are over the sites'
mean gradients: coordinate median and trimmed mean (Yin et al., ICML 2018), Krum and multi-Krum
(Blanchard et al., NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from audit.codec import add_words, unwrap, wrap
from audit.sum_bound import longest_vector

LIARS = 1  # that trimming and Krum are set for: five sites allow Krum no more (n >= 2 f + 3)

Applied = tuple[np.ndarray, int] | None
Rule = Callable[[np.ndarray, Sequence[int], "Bounds"], Applied]


@dataclass(frozen=True)
class Bounds:
    """What honest vectors keep to. ``clip``: C in grid steps; ``share``: SD of one site's noise."""

    clip: int
    share: float

    def longest(self, patients: int, shares: int, size: int) -> int:
        """The norm that honest patients' sum and their sites' noise exceed once in a million times:
        what coordinator, gate and verifier refuse a round by.
        """
        return longest_vector(patients, shares, size, self.clip, Fraction(self.share) ** 2)


def plain_sum(vectors: np.ndarray, sizes: Sequence[int], bounds: Bounds) -> Applied:
    """No defence; the arithmetic is modulo 2^64, as of masked vectors."""
    return unwrap(add_words([wrap(vector) for vector in vectors])), sum(sizes)


def sum_within_bound(vectors: np.ndarray, sizes: Sequence[int], bounds: Bounds) -> Applied:
    """Refuse the round when the sum is longer than all patients' clipped gradients can be."""
    applied = plain_sum(vectors, sizes, bounds)
    assert applied is not None
    longest = bounds.longest(sum(sizes), len(sizes), vectors.shape[1])
    return applied if _norm(applied[0]) <= longest else None


def sites_within_bound(vectors: np.ndarray, sizes: Sequence[int], bounds: Bounds) -> Applied:
    """Leave out each site whose vector is longer than its own patients' can be."""
    kept = [
        place
        for place, (vector, patients) in enumerate(zip(vectors, sizes, strict=True))
        if _norm(vector) <= bounds.longest(patients, 1, vectors.shape[1])
    ]
    return plain_sum(vectors[kept], [sizes[k] for k in kept], bounds) if kept else None


def median(vectors: np.ndarray, sizes: Sequence[int], bounds: Bounds) -> Applied:
    """Each coordinate's median over the sites' means."""
    return _of_means(np.median(_means(vectors, sizes), axis=0), sizes)


def trimmed_mean(vectors: np.ndarray, sizes: Sequence[int], bounds: Bounds) -> Applied:
    """Each coordinate's mean, without the highest and the lowest."""
    ordered = np.sort(_means(vectors, sizes), axis=0)
    return _of_means(ordered[LIARS:-LIARS].mean(axis=0), sizes)


def multi_krum(vectors: np.ndarray, sizes: Sequence[int], bounds: Bounds) -> Applied:
    """The mean of the n - f sites that lie closest to their n - f - 2 nearest neighbours."""
    means = _means(vectors, sizes)
    distances = ((means[:, None] - means[None]) ** 2).sum(axis=2)
    near = np.sort(distances, axis=1)[:, 1 : len(means) - LIARS - 1]
    chosen = np.argsort(near.sum(axis=1))[: len(means) - LIARS]
    return _of_means(means[chosen].mean(axis=0), sizes)


def _means(vectors: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    return vectors.astype(np.float64) / np.array(sizes, dtype=np.float64)[:, None]


def _of_means(mean: np.ndarray, sizes: Sequence[int]) -> Applied:
    return np.rint(np.clip(mean * sum(sizes), -(2.0**62), 2.0**62)).astype(np.int64), sum(sizes)


def _norm(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector.astype(np.float64)))
