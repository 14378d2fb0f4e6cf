"""A twin's treatment: what it had, what a forecast takes it to have next, and "what if"."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twin.protocol import Twin
from twin.series import PatientSeries
from twin.sickle_cell.channels import DOSE, WEIGHT, scaled

FloatArray = NDArray[np.float64]


def _none() -> FloatArray:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Regimen:
    """Doses (mg/d) and weights (kg), each in force from its time (years since the twin's first
    observation, in order) until the next; empty means none on record.

    ``until``: time of the last observation. ``planned``: the doses are all there will be; otherwise
    a patient with none so far is taken to begin the usual one then (`exposure.exposure_of`).
    """

    dose_times: FloatArray = field(default_factory=_none)
    doses: FloatArray = field(default_factory=_none)
    weight_times: FloatArray = field(default_factory=_none)
    weights: FloatArray = field(default_factory=_none)
    until: float = 0.0
    planned: bool = False


@dataclass(frozen=True, eq=False)
class SickleCellTwin(Twin):
    """A twin, and the doses and weights that its forecasts go on from."""

    regimen: Regimen = field(default_factory=Regimen)

    def with_doses(self, times: FloatArray, doses: FloatArray) -> SickleCellTwin:
        """The same patient on these doses (mg/d) from these times (years), in place of all others:
        empty arrays are a patient who is never treated.

        Raises ValueError when lengths differ, times fall or start below zero, or a dose is not
        finite or below zero.
        """
        if times.shape != doses.shape or times.ndim != 1 or np.any(np.diff(times) < 0):
            raise ValueError("times and doses must be 1-d arrays of one length, in order of time")
        if not np.isfinite([times, doses]).all() or np.any(np.minimum(times, doses) < 0):
            raise ValueError("times and doses must be finite and not below zero")
        regimen = replace(
            self.regimen,
            dose_times=times.astype(np.float64),
            doses=doses.astype(np.float64),
            planned=True,
        )
        return replace(self, regimen=regimen)


def regimen_of(observations: PatientSeries) -> Regimen:
    """The regimen on record in a series that is not empty."""
    dose, weight = observations.channel == DOSE, observations.channel == WEIGHT
    return Regimen(
        observations.times[dose],
        observations.value[dose],
        observations.times[weight],
        observations.value[weight],
        until=float(observations.times[-1]),
    )


class Rows(NamedTuple):
    """A twin's regimen and the rows asked for, in one order of time, each tensor [n]: ``times``
    (years), ``channel``, ``scaled``, ``known`` 1 on the regimen's rows; ``place`` of the rows asked
    for; and whether the regimen is ``planned``.
    """

    times: Tensor
    channel: Tensor
    scaled: Tensor
    known: Tensor
    place: Tensor
    planned: bool


def rows_of(twin: Twin, times: FloatArray, channel: Tensor) -> Rows:
    """What `exposure.exposure_of` needs to know for these times (years) and channels."""
    regimen = twin.regimen if isinstance(twin, SickleCellTwin) else Regimen()
    doses, weights = len(regimen.doses), len(regimen.weights)
    # One row more, at the last observation: from there an untreated patient may begin.
    until, one = np.array([regimen.until]), np.ones(1)
    at = torch.tensor(np.concatenate([regimen.weight_times, regimen.dose_times, until, times]))
    codes = torch.cat(
        [torch.full((weights,), WEIGHT), torch.full((doses,), DOSE), torch.tensor([0]), channel]
    )
    given = np.concatenate([regimen.weights, regimen.doses, one, np.ones(len(times))])
    values = scaled(codes, torch.tensor(given))
    known = (torch.arange(len(at)) <= doses + weights).to(torch.float64)
    order = torch.argsort(at, stable=True)
    place = torch.argsort(order)[1 + doses + weights :]
    return Rows(at[order], codes[order], values[order], known[order], place, regimen.planned)
