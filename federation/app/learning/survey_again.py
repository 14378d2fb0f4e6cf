"""The survey's second round: where around what the first round said do a code's results lie?

The first round (`survey`) looks for a scale among all magnitudes, and most of what it hears is
noise. Its answer is public, so that the second can look there alone: bins as wide as results are
thought to spread, around where they are thought to lie. Both rounds' sums are read together. With
few patients this tells a centre two to ten times as exactly as asking the first question twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.app.learning.survey import Survey, candidates, likelihoods, scale_of, spaced
from twin.trajectory.scale import Scale, Scales

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

REACH: Final = 20
"""Bins on either side of the centre; what lies beyond counts for the last."""

PER_CODE: Final = 2 * REACH + 1

_IMPLAUSIBLE: Final = 25.0
"""Candidates whose logarithm is so far below the best one's after the first round are out."""


def votes(scales: Sequence[Scale], channel: IntArray, value: FloatArray) -> FloatArray:
    """One patient's votes, float64 [codes x PER_CODE], of Euclidean norm 1, or 0 without results.

    ``scales`` that the first round read; channel, value [n], in order of time; results that are not
    finite do not vote.
    """
    found = np.zeros(len(scales) * PER_CODE)
    usable = np.isfinite(value)
    for code, scale in enumerate(scales):
        mine = value[usable & (channel == code)]
        if len(mine):
            some = spaced(mine)
            np.add.at(found, code * PER_CODE + _bins(scale, some), 1 / len(some))
    length = float(np.linalg.norm(found))
    return found / length if length else found


def rows_of(scales: Sequence[Scale], patients: Sequence[tuple[IntArray, FloatArray]]) -> FloatArray:
    """`votes` of each patient (channel, value), float64 [patients, codes x PER_CODE]."""
    found = [votes(scales, *one) for one in patients]
    return np.stack(found) if found else np.zeros((0, len(scales) * PER_CODE))


def read(first: Survey, total: FloatArray, noise_sd: float = 0.0) -> Survey:
    """What both rounds say; ``total`` [codes x PER_CODE], a sum of votes, noisy or not.

    ``noise_sd``: of each number of the sum.
    """
    each = total.reshape(len(first.scales), PER_CODE)
    beliefs = tuple(
        _with(belief, scale, asked, noise_sd)
        for belief, scale, asked in zip(first.beliefs, first.scales, each, strict=True)
    )
    return Survey(tuple(scale_of(one) for one in beliefs), first.span, beliefs)


def _with(belief: FloatArray, scale: Scale, asked: FloatArray, noise_sd: float) -> FloatArray:
    left = np.flatnonzero(belief > belief.max() - _IMPLAUSIBLE)
    results = candidates().results[left]
    place = np.arange(len(left))[:, None] * PER_CODE + _bins(scale, results)
    counts = np.bincount(place.ravel(), minlength=len(left) * PER_CODE).reshape(-1, PER_CODE)
    unit = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    found = np.full(len(belief), -np.inf)
    found[left] = belief[left] + likelihoods(unit, asked, noise_sd)
    return found


def _bins(scale: Scale, value: FloatArray) -> IntArray:
    """Which bin each value is in, int64 of its shape, 0 to PER_CODE - 1."""
    spreads = Scales([scale]).spreads(np.zeros(value.shape, dtype=np.int64), value)
    return np.clip(np.rint(spreads / scale.own), -REACH, REACH).astype(np.int64) + REACH
