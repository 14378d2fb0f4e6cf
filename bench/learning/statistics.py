"""From errors by patient to what is reported: RMSE, intervals, ratios, who is made worse.

A patient's error is their mean squared error, codes counting alike, averaged over the divisions in
which they were held out; RMSE is the root of the mean over patients, who count alike. Intervals are
95 % percentile bootstraps over patients, paired: every method is judged on the same drawn patients
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.learning.division import Division, Key
from bench.learning.forecasting import Counting
from bench.learning.methods import WITH_INTERVALS, Method
from bench.learning.scoring import by_patient

FloatArray = NDArray[np.float64]

PLATEAU: Final = 1.01
"""A curve has reached its plateau when it is within 1 % of its lowest error."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scores:
    """``own`` and ``later``: by key, each patient's mean squared error [patients] on the results
    after the first k, and on those after the first few that every k leaves; NaN where there are
    none. ``codes``: by key, RMSE [codes]; ``covered``: share inside the 90 % interval, or None.
    ``curves``: mean squared error by steps.
    """

    patients: tuple[str, ...]
    own: Mapping[Key, FloatArray]
    later: Mapping[Key, FloatArray]
    codes: Mapping[Key, FloatArray]
    covered: Mapping[Key, float | None]
    curves: Mapping[Key, FloatArray]
    draws: FloatArray  # [resamples, patients], how often each was drawn

    def methods(self) -> list[Method]:
        return list(dict.fromkeys(key.method for key in self.own))

    def rmse(self, key: Key, *, later: bool = False) -> Interval:
        errors = (self.later if later else self.own)[key]
        return _interval(_error(errors), _root(errors, self.draws))

    def reduction(self, key: Key, against: Key) -> Interval:
        """How much lower the RMSE is, as a share of the other's; not finite where that is 0."""
        mine, other = self.own[key], self.own[against]
        with np.errstate(invalid="ignore", divide="ignore"):
            estimate = 1 - np.float64(_error(mine)) / _error(other)
            drawn = 1 - _root(mine, self.draws) / _root(other, self.draws)
        return _interval(float(estimate), drawn)

    def share_of_gain(self, key: Key, best: Key, against: Key) -> Interval:
        """How much lower the RMSE is than with ``against``, as a share of how much lower ``best``'s
        is; not a number where ``best`` is no better.
        """
        estimates = [_error(self.own[one]) for one in (key, best, against)]
        drawn = [_root(self.own[one], self.draws) for one in (key, best, against)]
        return _interval(float(_gained(*map(np.array, estimates))), _gained(*drawn))

    def made_worse(self, key: Key, against: Key) -> float:
        """Share of patients whose error is larger than with the other method."""
        mine, other = self.own[key], self.own[against]
        both = np.isfinite(mine) & np.isfinite(other)
        return float((mine > other)[both].mean()) if both.any() else float("nan")

    def known_to_reach(
        self, method: Method, target: Key, counts: Sequence[int], counting: Counting
    ) -> Interval:
        """How many known results the method needs for the other's error, on the results after the
        first few; linear between counts, infinite when it is not reached.
        """
        wanted = self.later[target]
        mine = np.stack([self.later[Key(method, counting, count)] for count in counts])
        estimate = _crossing(counts, np.array([_error(row) for row in mine]), _error(wanted))
        drawn = np.stack([_root(row, self.draws) for row in mine])
        goals = _root(wanted, self.draws)
        crossed = [_crossing(counts, drawn[:, i], goals[i]) for i in range(len(goals))]
        return _interval(estimate, np.array(crossed))

    def steps_to_plateau(self, key: Key) -> int | None:
        """Place on the method's curve; None when it does not adapt by steps."""
        curve = self.curves.get(key)
        if curve is None or not np.isfinite(curve).any():
            return None
        return int(np.argmax(np.sqrt(curve) <= PLATEAU * np.sqrt(np.nanmin(curve))))


def collect(divisions: Sequence[Division], resamples: int) -> Scores:
    """All divisions together. Raises ValueError when nobody has a result to forecast."""
    patients = sorted({patient for one in divisions for patient in one.patients})
    place = {patient: index for index, patient in enumerate(patients)}
    keys = list(divisions[0].errors)
    own, later, codes, covered = {}, {}, {}, {}
    for key in keys:
        total, seen = np.zeros(len(patients)), np.zeros(len(patients))
        after, counted = np.zeros(len(patients)), np.zeros(len(patients))
        squares = number = inside = 0.0
        for one in divisions:
            rows = np.array([place[patient] for patient in one.patients], dtype=np.int64)
            found = one.errors[key]
            for errors, sums, times in (
                (by_patient(found.squares, found.number), total, seen),
                (by_patient(found.later_squares, found.later_number), after, counted),
            ):
                have = np.isfinite(errors)
                np.add.at(sums, rows[have], errors[have])
                np.add.at(times, rows[have], 1.0)
            squares = squares + found.squares.sum(axis=0)
            number = number + found.number.sum(axis=0)
            inside = inside + found.inside.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            own[key], later[key] = total / seen, after / counted
            codes[key] = np.sqrt(squares / number)
        told = key.method.kind in WITH_INTERVALS and np.sum(number) > 0
        covered[key] = float(inside / np.sum(number)) if told else None
    if not any(np.isfinite(one).any() for one in own.values()):
        raise ValueError("no held-out patient has a result to forecast")
    curves: dict[Key, list[FloatArray]] = defaultdict(list)
    for one in divisions:
        for key, curve in one.curves.items():
            if np.isfinite(curve).any():  # somebody had later results in this division
                curves[key].append(curve)
    generator = np.random.default_rng(1)
    draws = generator.multinomial(
        len(patients), np.full(len(patients), 1 / len(patients)), size=resamples
    ).astype(np.float64)
    return Scores(
        tuple(patients),
        own,
        later,
        codes,
        covered,
        {key: np.mean(several, axis=0) for key, several in curves.items()},
        draws,
    )


def _error(errors: FloatArray) -> float:
    """RMSE; patients without an error have no say."""
    have = np.isfinite(errors)
    return float(np.sqrt(errors[have].mean())) if have.any() else float("nan")


def _root(errors: FloatArray, draws: FloatArray) -> FloatArray:
    """`_error` of each draw, [resamples]."""
    have = np.isfinite(errors)
    weights = draws[:, have]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(weights @ errors[have] / weights.sum(axis=1)), dtype=np.float64)


def _gained(mine: FloatArray, best: FloatArray, other: FloatArray) -> FloatArray:
    possible = other - best
    better = np.where(possible > 0, possible, np.nan)
    return np.asarray((other - mine) / better, dtype=np.float64)


def _crossing(counts: Sequence[int], errors: FloatArray, goal: float) -> float:
    for index, count in enumerate(counts):
        if errors[index] <= goal:
            if index == 0:
                return float(count)
            before, drop = counts[index - 1], errors[index - 1] - errors[index]
            return float(before + (count - before) * (errors[index - 1] - goal) / drop)
    return float("inf")


def _interval(estimate: float, drawn: FloatArray) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Interval(float(estimate), float("nan"), float("nan"))
    low, high = np.quantile(known, [0.025, 0.975], method="nearest")
    return Interval(float(estimate), float(low), float(high))
