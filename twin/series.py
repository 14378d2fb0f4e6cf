"""A patient's observations over time, alone and stacked into a padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PatientSeries:
    """One patient's observations, ordered by time; no identity.

    ``times`` float64 [n], years since the patient's first observation, never decreasing from zero;
    ``channel`` int64 [n], index into the model's channels;
    ``value`` float64 [n], in the canonical unit of the model's channel.
    An empty series (n = 0) is allowed: it is a patient with nothing usable.

    Raises ValueError when a dtype, a shape or an order is wrong, or a number is not finite.
    """

    times: FloatArray
    channel: IntArray
    value: FloatArray

    def __post_init__(self) -> None:
        for name, dtype in (("times", np.float64), ("channel", np.int64), ("value", np.float64)):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
                raise ValueError(f"PatientSeries.{name} must be a 1-d {np.dtype(dtype)} array")
            copy = array.copy()
            copy.flags.writeable = False
            object.__setattr__(self, name, copy)
        if not len(self.times) == len(self.channel) == len(self.value):
            raise ValueError("PatientSeries: times, channel and value differ in length")
        if not (np.isfinite(self.times).all() and np.isfinite(self.value).all()):
            raise ValueError("PatientSeries: times and value must be finite")
        if len(self.times) and (self.times[0] != 0.0 or np.any(np.diff(self.times) < 0)):
            raise ValueError("PatientSeries: times must start at 0 and never decrease")
        if np.any(self.channel < 0):
            raise ValueError("PatientSeries: channel must not be negative")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def visit(self) -> IntArray:
        """int64 [n]: which visit (0, 1, ...) each observation belongs to; a visit is one distinct
        time.
        """
        return visits_of(self.times)

    def first_visits(self, count: int) -> PatientSeries:
        """The observations of the first ``count`` visits."""
        return self._rows(self.visit < count)

    def after_visits(self, count: int) -> tuple[FloatArray, IntArray, FloatArray]:
        """times, channel and value of the observations after the first ``count`` visits."""
        rows = self.visit >= count
        return self.times[rows], self.channel[rows], self.value[rows]

    def _rows(self, rows: BoolArray) -> PatientSeries:
        return PatientSeries(self.times[rows], self.channel[rows], self.value[rows])


def empty_series() -> PatientSeries:
    """A patient with no usable observation."""
    return PatientSeries(np.zeros(0), np.zeros(0, np.int64), np.zeros(0))


def visits_of(times: FloatArray) -> IntArray:
    """Number the distinct times of one ordered series: int64 [n] counting from 0."""
    if len(times) == 0:
        return np.zeros(0, np.int64)
    return np.concatenate([[0], np.cumsum(np.diff(times) > 0)]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class PatientBatch:
    """Series stacked to [patients, width]; ``observed`` is False on padding.

    ``times`` float64 (years), ``channel`` int64, ``value`` float64, ``visit`` int64, ``observed``
    bool. Padding is time 0, channel 0, value 1, visit 0. Values are NOT required to be finite:
    whoever computes with a batch must give a patient with a non-finite number nothing, and must not
    let it touch another patient.

    Raises ValueError when shapes or dtypes do not agree.
    """

    times: FloatArray
    channel: IntArray
    value: FloatArray
    visit: IntArray
    observed: BoolArray

    def __post_init__(self) -> None:
        kinds = {
            "times": np.float64,
            "channel": np.int64,
            "value": np.float64,
            "visit": np.int64,
            "observed": np.bool_,
        }
        for name, dtype in kinds.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 2 or array.shape != self.times.shape:
                raise ValueError(
                    f"PatientBatch.{name} must be a [patients, width] {np.dtype(dtype)} array"
                )

    def __len__(self) -> int:
        return int(self.times.shape[0])

    @property
    def width(self) -> int:
        return int(self.times.shape[1])

    def take(self, patients: IntArray) -> PatientBatch:
        """The batch of the named patients, in the order named."""
        return PatientBatch(
            self.times[patients],
            self.channel[patients],
            self.value[patients],
            self.visit[patients],
            self.observed[patients],
        )


def stack(series: Sequence[PatientSeries], width: int | None = None) -> PatientBatch:
    """Stack series, padding each to ``width`` (the longest when left out).

    Raises ValueError when a series is longer than ``width``.
    """
    longest = max((len(one) for one in series), default=0)
    width = longest if width is None else width
    if longest > width:
        raise ValueError(f"a series has {longest} observations, more than the width {width}")
    shape = (len(series), width)
    times, value = np.zeros(shape), np.ones(shape)
    channel, visit = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    observed = np.zeros(shape, np.bool_)
    for row, one in enumerate(series):
        n = len(one)
        times[row, :n], channel[row, :n], value[row, :n] = one.times, one.channel, one.value
        visit[row, :n], observed[row, :n] = one.visit, True
    return PatientBatch(times, channel, value, visit, observed)
