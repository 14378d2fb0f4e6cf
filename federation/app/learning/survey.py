"""What scale results of unknown codes have, learned privately: every patient votes.

A vote says of each code in which decade the patient's results lie (with their sign), where within a
decade, and where within a quarter of one; and in which quarter-decade of days the record's length
lies. Each patient's votes have length 1, whatever they say and however many codes there are. They
are summed and noised like any contribution, and read by Bayes' rule over a fixed list of
distributions whose own votes are known: whatever is read from a noisy sum costs no more privacy
(post-processing; Dwork and Roth 2014, proposition 2.1). Where noise leaves several scales open, the
one taken covers them. A second round (`survey_again`) asks where around it results lie.
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
BoolArray = NDArray[np.bool_]

DECADES: Final = (-6, 13)
"""Magnitudes told apart: from 10^-6 up to 10^13; smaller ones count as 0, larger ones as 10^13."""

USUAL_MAGNITUDE: Final = (1.0, 1.5)
"""log10 of what results usually are, and how far from it is still usual: a Cauchy distribution, so
that 10^11 platelets a litre are believed sooner than noise. Our choice."""

USUAL_SPREAD: Final = (0.12, 1.0)
"""SD of log10(value) that codes usually have, and the SD of its logarithm. Our choice."""

USUAL_SPAN: Final = (2.0, 1.5)
"""log10 of days that records usually last, and its SD. Our choice."""

TOLD: Final = 3.0
"""SDs of noise that votes on a code stand out by where its scale can be told: on made-up codes, at
4 one in ten scales is wrong, at 2 most are."""

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
            found[code * PER_CODE : (code + 1) * PER_CODE] = _histogram(spaced(mine))
    lasted = float(np.ptp(days[usable])) if usable.any() else 0.0
    if lasted > 0:
        low, high, bins = SPANS
        share = (math.log10(lasted) - low) / (high - low)
        found[codes * PER_CODE + min(max(int(share * bins), 0), bins - 1)] = 1.0
    return found / max(float(np.linalg.norm(found)), 1.0)


def spaced(value: FloatArray) -> FloatArray:
    """RESULTS of one code's results at most, evenly spaced, float64; there is at least one."""
    place = np.linspace(0, len(value) - 1, min(RESULTS, len(value)))
    return np.asarray(value[place.astype(int)], dtype=np.float64)


def stands_out(codes: int, patients: Sequence[IntArray], noise_sd: float) -> FloatArray:
    """By how many SDs of a sum's noise the votes on each code stand out, float64 [codes]; below
    TOLD its scale is a guess. ``patients``: the codes that each of them has results of.
    """
    found = np.zeros(codes)
    for mine in patients:
        found[mine] += 1 / math.sqrt(1 + len(mine) * (1 + len(_DIGITS)))
    return found / noise_sd


class Survey(NamedTuple):
    """A scale for each code, and the years of a typical record. ``beliefs``: of each code,
    logarithms [candidates] of how plausible each of `candidates` is, up to a constant.
    """

    scales: tuple[Scale, ...]
    span: float
    beliefs: tuple[FloatArray, ...]


def read(codes: int, total: FloatArray, noise_sd: float = 0.0) -> Survey:
    """What a sum of votes, noisy or not, says. Always an answer: of noise alone what is usual.

    ``noise_sd``: of each number of the sum.
    """
    known = candidates()
    beliefs = tuple(
        likelihoods(known.unit, one, noise_sd) + known.usual
        for one in total[: codes * PER_CODE].reshape(codes, PER_CODE)
    )
    spans, unit = _span_templates()
    usual = -0.5 * ((spans - USUAL_SPAN[0]) / USUAL_SPAN[1]) ** 2
    span = likelihoods(unit, total[codes * PER_CODE :], noise_sd) + usual
    days = 10.0 ** float(_plausible(span) @ spans)
    return Survey(tuple(scale_of(one) for one in beliefs), days / 365.25, beliefs)


def likelihoods(
    unit: NDArray[np.float32] | FloatArray, asked: FloatArray, noise_sd: float
) -> FloatArray:
    """Logarithms, up to a constant, of how likely the sum is of candidates whose votes are
    ``unit``, of length 1 each.

    How many voted is not known, so each has the likelihood of the number that suits it best. What
    no candidate explains counts as noise, too: nobody's results are exactly of any of these forms.
    """
    fit = np.maximum(unit @ asked, 0.0)
    left = math.sqrt(max(float(asked @ asked - fit.max() ** 2), 0.0) / len(asked))
    return np.asarray(0.5 * (fit / max(noise_sd, left, 1e-12)) ** 2, dtype=np.float64)


def _plausible(belief: FloatArray) -> FloatArray:
    """Posterior probabilities."""
    found = np.exp(belief - belief.max())
    return np.asarray(found / found.sum(), dtype=np.float64)


def scale_of(belief: FloatArray) -> Scale:
    """The scale that covers what is plausible, of the kind (logarithmic or not) that is more so.

    ``belief`` [candidates], as in `Survey`.
    """
    known, plausible = candidates(), _plausible(belief)
    logarithmic = float(plausible[known.log].sum()) >= 0.5
    weight = np.where(known.log == logarithmic, plausible, 0.0)
    weight = weight / weight.sum()
    if logarithmic:
        centre, own = float(weight @ known.centre), float(weight @ known.spread)
        spread = math.sqrt(own**2 + float(weight @ (known.centre - centre) ** 2))
        return Scale(True, math.exp(centre), spread, own / spread)
    own = math.exp(float(weight @ np.log(known.spread)))
    spread = own * math.exp(math.sqrt(float(weight @ (np.log(known.spread / own) ** 2))))
    shift = float(weight @ (known.centre / known.spread))
    return Scale(False, shift * own, spread, own / spread)


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


class Candidates(NamedTuple):
    """Scales that codes may have, [candidates]: whether logarithmic, then centre (of ln(value)) and
    spread; ``usual``, logarithms of how usual each is; ``results`` [candidates, 40], quantiles that
    a cohort on each would have; ``unit`` [candidates, PER_CODE], its votes, of length 1.
    """

    log: BoolArray
    centre: FloatArray
    spread: FloatArray
    usual: FloatArray
    results: FloatArray
    unit: NDArray[np.float32]


_LOG_SPREADS: Final = tuple(float(one) for one in np.geomspace(0.006, 0.8, 15))
_QUANTILES: Final = 200
_KEPT: Final = slice(2, None, 5)
_NORMAL: Final = ndtri((np.arange(_QUANTILES) + 0.5) / _QUANTILES)


@cache
def candidates() -> Candidates:
    found: list[tuple[bool, float, float, float]] = []
    results = []
    for spread in _LOG_SPREADS:
        step = max(1 / 128, spread / 2)
        likely = -0.5 * (math.log(spread / USUAL_SPREAD[0]) / USUAL_SPREAD[1]) ** 2 + math.log(step)
        for middle in np.arange(DECADES[0], DECADES[1], step):
            found.append((True, math.log(10) * middle, math.log(10) * spread, likely + _at(middle)))
            results.append(10.0 ** (middle + spread * _NORMAL))
    for magnitude in np.arange(DECADES[0] + 1, DECADES[1] - 1, _PLAIN_STEP):
        size_of, likely = 10.0**magnitude, _at(magnitude) + math.log(_PLAIN_STEP * _PLAIN_SHARE)
        for shift in (-2.0, -1.0, 0.0, 1.0):  # values on both sides of 0
            found.append((False, float(shift * size_of), float(size_of), likely))
            results.append(size_of * (shift + _NORMAL))
        for zeros in (0.2, 0.5):  # scores, many of them 0
            none = np.arange(_QUANTILES) < _QUANTILES * zeros
            value = np.where(none, 0.0, size_of * np.exp(0.6 * np.roll(_NORMAL, 77)))
            found.append((False, float(value.mean()), float(value.std()), likely))
            results.append(value)
    log, centre, spreads, usual = (np.array(one) for one in zip(*found, strict=True))
    table = np.stack([_histogram(value) for value in results])
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    kept = np.stack([value[_KEPT] for value in results])
    return Candidates(log, centre, spreads, usual, kept, unit.astype(np.float32))


_PLAIN_STEP: Final = 1 / 8
_PLAIN_SHARE: Final = 0.05
"""Of codes, those believed to be of each kind that has no logarithm."""


def _at(magnitude: float) -> float:
    """How usual results of this log10 are."""
    return -math.log1p(((magnitude - USUAL_MAGNITUDE[0]) / USUAL_MAGNITUDE[1]) ** 2)


@cache
def _span_templates() -> tuple[FloatArray, FloatArray]:
    """log10 of days, and votes of length 1 of cohorts whose records last about as long."""
    low, high, bins = SPANS
    edges = np.linspace(low, high, bins + 1)
    middles = np.arange(low, high, 1 / 16)
    rows = []
    for middle in middles:
        share = np.exp(-0.5 * (((edges[:-1] + edges[1:]) / 2 - middle) / 0.25) ** 2)
        rows.append(share / np.linalg.norm(share))
    return middles, np.stack(rows)


def rows_of(codes: int, patients: Sequence[tuple[FloatArray, IntArray, FloatArray]]) -> FloatArray:
    """`votes` of each patient (days, channel, value), float64 [patients, size(codes)]."""
    return (
        np.stack([votes(codes, *one) for one in patients])
        if patients
        else np.zeros((0, size(codes)))
    )
