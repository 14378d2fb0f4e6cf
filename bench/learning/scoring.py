"""Errors of forecasts on one ruler, by patient and code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from bench.learning.cohort import Cohort, Record
from bench.learning.forecasting import Counting, Items, split
from twin.protocol import TwinModel
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import LARGEST

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

OUTLIERS: Final = 0.05
"""Of a code's results: when more than this lie beyond its scale, the reader is told."""


def scaled_records(model: TwinModel, records: Sequence[Record]) -> list[FloatArray]:
    """Each record's values on a model's scale."""
    return [
        model.scaled(torch.tensor(one.channel), torch.tensor(one.value)).numpy() for one in records
    ]


def told_alike(cohort: Cohort, ruler: TwinModel) -> tuple[str, ...]:
    """A line for each code of which the ruler tells many results not apart, because its scale was
    read where most of them lie and the others are farther out than it goes.
    """
    if not isinstance(ruler, TrajectoryModel):
        return ()
    channel, value = cohort.columns()
    far = np.abs(ruler.scales.spreads(channel, value)) >= LARGEST
    share = [float(far[channel == code].mean()) for code in range(len(cohort.channels))]
    return tuple(
        f"{part:.0%} of the results of {one.name} lie more than {LARGEST:g} spreads from the centre"
        " of its scale and count as if they lay there: how far beyond, no error tells"
        for one, part in zip(cohort.channels, share, strict=True)
        if part > OUTLIERS
    )


@dataclass(frozen=True, eq=False)
class Errors:
    """Sums over forecasts, [patients, codes] each: squared errors and numbers of all results after
    the first k, and of those after the first few that every k leaves; forecasts inside the 90 %
    interval, 0 where a method gives none.
    """

    squares: FloatArray
    number: FloatArray
    later_squares: FloatArray
    later_number: FloatArray
    inside: FloatArray

    @classmethod
    def none(cls, patients: int, codes: int) -> Errors:
        return cls(*(np.zeros((patients, codes)) for _ in range(5)))

    def of(self, patients: IntArray) -> Errors:
        """The sums of some patients, by their rows, in this order."""
        return Errors(*(getattr(self, one.name)[patients] for one in fields(self)))


def by_patient(squares: FloatArray, number: FloatArray) -> FloatArray:
    """Mean squared error of each patient, [patients]: their codes count alike; NaN without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(number > 0, squares / number, np.nan)
    have = (number > 0).sum(axis=1)
    total = np.nansum(each, axis=1)
    return np.where(have > 0, total / np.maximum(have, 1), np.nan)


def mean_error(found: Errors) -> float:
    """Mean squared error over patients, who count alike; infinite when there is nothing to
    forecast.
    """
    each = by_patient(found.squares, found.number)
    have = np.isfinite(each)
    return float(each[have].mean()) if have.any() else math.inf


@dataclass(frozen=True, eq=False)
class Ruler:
    """The one scale that every method's forecasts of these records are compared on."""

    model: TwinModel
    records: tuple[Record, ...]
    later: int
    counting: Counting
    scored: BoolArray
    _truth: FloatArray = field(init=False)
    _start: IntArray = field(init=False)
    _is_later: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        lengths = [len(record) for record in self.records]
        later = []
        for record in self.records:
            mine = np.zeros(len(record), dtype=np.bool_)
            mine[split(record, self.later, self.scored, self.counting)[1]] = True
            later.append(mine)
        object.__setattr__(self, "_truth", np.concatenate(scaled_records(self.model, self.records)))
        object.__setattr__(self, "_start", np.concatenate([[0], np.cumsum(lengths)[:-1]]))
        object.__setattr__(self, "_is_later", np.concatenate(later))

    def measure(self, model: TwinModel, channel: IntArray, mean: FloatArray) -> FloatArray:
        """Means on a model's scale, moved to the ruler's."""
        if isinstance(model, TrajectoryModel) and isinstance(self.model, TrajectoryModel):
            return self.model.scales.scaled(channel, model.scales.value(channel, mean))
        return mean  # a published scale is one and the same for all

    def add(
        self,
        found: Errors,
        model: TwinModel,
        part: Items,
        mean: FloatArray,
        variance: FloatArray | None = None,
    ) -> None:
        """Add a part's forecasts (on the model's scale) to the sums."""
        asked = part.place >= 0
        patient = np.broadcast_to(part.patient[:, None], asked.shape)[asked]
        code, at = part.channel[asked], part.place[asked]
        row = self._start[patient] + at
        off = self.measure(model, code, mean[asked]) - self._truth[row]
        # A forecast that is no number must not look like a good one.
        squares = np.where(np.isfinite(off), off, 1e3) ** 2
        later = self._is_later[row]
        np.add.at(found.squares, (patient, code), squares)
        np.add.at(found.number, (patient, code), 1.0)
        np.add.at(found.later_squares, (patient[later], code[later]), squares[later])
        np.add.at(found.later_number, (patient[later], code[later]), 1.0)
        if variance is not None:
            near = np.abs(mean - part.scaled)[asked] <= 1.6449 * np.sqrt(variance[asked])
            np.add.at(found.inside, (patient, code), near.astype(np.float64))
