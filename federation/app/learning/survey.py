"""What scale results of unknown codes have, learned privately in one round: every patient votes.

A vote says of each code in which decade the patient's results lie (with their sign), where within a
decade, and where within a quarter of one; and in which quarter-decade of days the record's length
lies. The votes are summed and noised like any contribution, and a scale is the one whose own votes
fit the noisy sum best, by least squares over a fixed list of distributions: whatever is read from a
noisy sum costs no more privacy (post-processing; Dwork and Roth 2014, proposition 2.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from twin.trajectory.scale import Scale

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DECADES: Final = (-6, 13)
"""Magnitudes told apart: from 10^-6 up to 10^13; smaller ones count as 0, larger ones as 10^13."""

ABOUT_AS_WELL: Final = 0.3
"""Standard deviations of a fit's noise within which two fits are alike: chosen on made-up codes."""

_PER_SIGN: Final = DECADES[1] - DECADES[0]
_COARSE: Final = 2 * _PER_SIGN + 1
_DIGITS: Final = ((1.0, 32), (4.0, 32))
"""(parts of a decade that fold onto each other, bins of one)."""

PER_CODE: Final = _COARSE + sum(bins for _, bins in _DIGITS)
SPANS: Final = (-3.0, 5.0, 32)
"""log10 of days: lowest, highest, bins."""

RESULTS: Final = 8
"""Results of one code that a patient votes with, evenly spaced over the record."""


def size(codes: int) -> int:
    """Numbers in the votes on so many codes."""
    return codes * PER_CODE + SPANS[2]


def votes(codes: int, days: FloatArray, channel: IntArray, value: FloatArray) -> FloatArray:
    """One patient's votes, float64 [size(codes)], of Euclidean norm at most 1.

    days, channel, value [n], in order of time; results that are not finite do not vote.
    """
    found = np.zeros(size(codes))
    usable = np.isfinite(value) & np.isfinite(days)
    for code in range(codes):
        mine = value[usable & (channel == code)]
        if len(mine):
            place = np.linspace(0, len(mine) - 1, min(RESULTS, len(mine)))
            found[code * PER_CODE : (code + 1) * PER_CODE] = _histogram(mine[place.astype(int)])
    lasted = float(np.ptp(days[usable])) if usable.any() else 0.0
    if lasted > 0:
        low, high, bins = SPANS
        share = (math.log10(lasted) - low) / (high - low)
        found[codes * PER_CODE + min(max(int(share * bins), 0), bins - 1)] = 1.0
    return found / math.sqrt(codes * (1 + len(_DIGITS)) + 1)


class Survey(NamedTuple):
    """A scale for each code, and the years of a typical record."""

    scales: tuple[Scale, ...]
    span: float


def read(codes: int, total: FloatArray, noise_sd: float = 0.0) -> Survey:
    """What a sum of votes, noisy or not, says. Always an answer: of noise alone a useless one.

    ``noise_sd``: of each number of the sum. Of the scales that fit about as well as the best, the
    widest is taken: on a scale far too narrow everything lies beyond its ends, while learning
    narrows one that is too wide.
    """
    templates = _templates()
    scales = []
    for code in range(codes):
        asked = total[code * PER_CODE : (code + 1) * PER_CODE]
        fit = templates.unit @ asked
        near = np.flatnonzero(fit >= fit.max() - ABOUT_AS_WELL * noise_sd)
        scales.append(templates.scales[near[np.argmax(templates.width[near] + 1e-9 * fit[near])]])
    spans, unit = _span_templates()
    years = spans[int(np.argmax(unit @ total[codes * PER_CODE :]))] / 365.25
    return Survey(tuple(scales), float(years))


def _histogram(value: FloatArray) -> FloatArray:
    """Shares of values in each bin, float64 [PER_CODE]: each digit's add up to 1."""
    found = np.zeros(PER_CODE)
    size_of = np.abs(value)
    some = size_of >= 10.0 ** DECADES[0]
    logs = np.log10(np.where(some, np.minimum(size_of, 10.0 ** DECADES[1] * 0.999), 1.0))
    decade = np.floor(logs).astype(int) - DECADES[0]
    coarse = np.where(some, 1 + decade + np.where(value < 0, _PER_SIGN, 0), 0)
    weight = 1 / len(value)
    np.add.at(found, coarse, weight)
    start = _COARSE
    for parts, bins in _DIGITS:
        folded = np.mod(logs * parts, 1.0)
        place = np.minimum((folded * bins).astype(int), bins - 1)
        np.add.at(found, start + place[some], weight)
        start += bins
    return found


class _Templates(NamedTuple):
    """Candidate scales, and the votes that a cohort on each would give, of norm 1: [candidates,
    PER_CODE].
    """

    scales: tuple[Scale, ...]
    width: FloatArray  # spread of ln(value), or spread over the largest magnitude that is usual
    unit: NDArray[np.float32]


_LOG_SPREADS: Final = (0.006, 0.012, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7)
_QUANTILES: Final = ndtri((np.arange(200) + 0.5) / 200)


@cache
def _templates() -> _Templates:
    scales, rows = [], []
    for spread in _LOG_SPREADS:
        step = max(1 / 128, spread / 2)
        for middle in np.arange(DECADES[0], DECADES[1], step):
            scales.append(Scale(True, float(10.0**middle), math.log(10) * spread))
            rows.append(_histogram(10.0 ** (middle + spread * _QUANTILES)))
    for size_of in 10.0 ** np.arange(DECADES[0] + 1, DECADES[1] - 1, 1 / 8):
        for shift in (-2.0, -1.0, 0.0, 1.0):  # values on both sides of 0
            scales.append(Scale(False, float(shift * size_of), float(size_of)))
            rows.append(_histogram(size_of * (shift + _QUANTILES)))
        for zeros in (0.2, 0.5):  # scores, many of them 0
            value = np.where(
                np.arange(200) < 200 * zeros, 0.0, size_of * np.exp(0.6 * np.roll(_QUANTILES, 77))
            )
            scales.append(Scale(False, float(value.mean()), float(value.std())))
            rows.append(_histogram(value))
    table = np.stack(rows)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    width = [
        one.spread if one.logarithmic else one.spread / (abs(one.centre) + one.spread)
        for one in scales
    ]
    return _Templates(tuple(scales), np.array(width), unit.astype(np.float32))


@cache
def _span_templates() -> tuple[FloatArray, FloatArray]:
    low, high, bins = SPANS
    edges = np.linspace(low, high, bins + 1)
    middles = np.arange(low, high, 1 / 16)
    rows = []
    for middle in middles:
        share = np.exp(-0.5 * (((edges[:-1] + edges[1:]) / 2 - middle) / 0.25) ** 2)
        rows.append(share / np.linalg.norm(share))
    return 10.0**middles, np.stack(rows)


def rows_of(codes: int, patients: Sequence[tuple[FloatArray, IntArray, FloatArray]]) -> FloatArray:
    """`votes` of each patient (days, channel, value), float64 [patients, size(codes)]."""
    return (
        np.stack([votes(codes, *one) for one in patients])
        if patients
        else np.zeros((0, size(codes)))
    )
