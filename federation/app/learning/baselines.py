"""What the prior is compared with: population trajectories by FedAvg, and forecasts from one
patient alone.

Every forecast is on the model's scaled log scale, float64 [n], for (times, channel) of observations
not yet seen. Nothing here is private: the differentially private population model is in
`dp_fedavg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from twin.protocol import TwinModel
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TIME_UNIT = 10.0
"""Years in one unit of time of the population model, so that both of a lab's features are about 1
in size.
"""


def features(times: FloatArray, channel: IntArray, labs: int) -> FloatArray:
    """The population model's design, float64 [n, 2 labs]: an intercept for each lab, then a slope
    for each lab.
    """
    level = (channel[:, None] == np.arange(labs)).astype(np.float64)
    return np.concatenate([level, level * (times / TIME_UNIT)[:, None]], axis=1)


def scaled_values(model: TwinModel, series: PatientSeries) -> FloatArray:
    """The series' values on the model's scaled log scale, float64 [n]."""
    scaled = model.scaled(torch.tensor(series.channel), torch.tensor(series.value))
    return np.asarray(scaled.numpy(), dtype=np.float64)


def fedavg(
    model: TwinModel,
    sites: Sequence[Sequence[PatientSeries]],
    rounds: int = 50,
    local_steps: int = 20,
    rate: float = 1.0,
) -> FloatArray:
    """Federated averaging (McMahan et al., AISTATS 2017) of one population trajectory, float64 [2
    labs].

    Each round every site takes ``local_steps`` full-batch gradient steps on its mean squared error,
    and the results are averaged by number of observations. A site with no observation takes no
    part.
    """
    labs = len(model.channels)
    data = [_site_rows(model, site) for site in sites]
    data = [(x, y) for x, y in data if len(y)]
    if not data:
        raise ValueError("FedAvg needs at least one observation at one site")
    shares = np.array([len(y) for _, y in data]) / sum(len(y) for _, y in data)
    weights = np.zeros(2 * labs)
    for _ in range(rounds):
        local = np.stack([_descend(weights, x, y, local_steps, rate) for x, y in data])
        weights = shares @ local
    return weights


def population_forecast(weights: FloatArray, times: FloatArray, channel: IntArray) -> FloatArray:
    """The population trajectory at these times: the same for every patient."""
    return features(times, channel, len(weights) // 2) @ weights


@dataclass(frozen=True)
class FineTuning:
    """How a population model is fine-tuned on one patient: gradient steps on their mean squared
    error.
    """

    steps: int
    rate: float


FINE_TUNINGS = tuple(FineTuning(s, r) for s in (0, 1, 3, 10, 30, 100) for r in (0.1, 0.3, 1.0))


def fine_tune(
    model: TwinModel, weights: FloatArray, support: PatientSeries, tuning: FineTuning
) -> FloatArray:
    """The population weights after fine-tuning on a patient's support observations."""
    if len(support) == 0:
        return weights
    x = features(support.times, support.channel, len(model.channels))
    return _descend(weights, x, scaled_values(model, support), tuning.steps, tuning.rate)


def tune_fine_tuning(
    model: TwinModel, weights: FloatArray, patients: Sequence[PatientSeries], support_visits: int
) -> FineTuning:
    """The fine-tuning with the smallest squared error on these patients, who are training ones."""

    def error(tuning: FineTuning) -> float:
        total = 0.0
        for patient in patients:
            times, channel, _ = patient.after_visits(support_visits)
            later = scaled_values(model, patient)[patient.visit >= support_visits]
            own = fine_tune(model, weights, patient.first_visits(support_visits), tuning)
            total += float(((population_forecast(own, times, channel) - later) ** 2).sum())
        return total

    return min(FINE_TUNINGS, key=error)


def last_value_forecast(
    model: TwinModel,
    weights: FloatArray,
    support: PatientSeries,
    times: FloatArray,
    channel: IntArray,
) -> FloatArray:
    """Each lab's last supported value, carried forward; a lab never seen falls back to the
    population trajectory.
    """
    forecast = population_forecast(weights, times, channel)
    scaled = scaled_values(model, support)
    for lab in range(len(model.channels)):
        seen = scaled[support.channel == lab]
        if len(seen):
            forecast[channel == lab] = seen[-1]
    return forecast


def local_forecast(
    model: TwinModel,
    weights: FloatArray,
    support: PatientSeries,
    times: FloatArray,
    channel: IntArray,
) -> FloatArray:
    """A least-squares line a lab through the patient's own data alone.

    One time: that lab's mean. None: the population trajectory.
    """
    forecast = population_forecast(weights, times, channel)
    scaled = scaled_values(model, support)
    for lab in range(len(model.channels)):
        mine, asked = support.channel == lab, channel == lab
        when, seen = support.times[mine], scaled[mine]
        if len(np.unique(when)) >= 2:
            design = np.stack([np.ones_like(when), when], axis=1)
            line = np.linalg.lstsq(design, seen, rcond=None)[0]
            forecast[asked] = line[0] + line[1] * times[asked]
        elif len(seen):
            forecast[asked] = seen.mean()
    return forecast


def _site_rows(model: TwinModel, site: Sequence[PatientSeries]) -> tuple[FloatArray, FloatArray]:
    labs = len(model.channels)
    x = [features(one.times, one.channel, labs) for one in site]
    y = [scaled_values(model, one) for one in site]
    return np.concatenate([np.zeros((0, 2 * labs)), *x]), np.concatenate([np.zeros(0), *y])


def _descend(
    weights: FloatArray, x: FloatArray, y: FloatArray, steps: int, rate: float
) -> FloatArray:
    for _ in range(steps):
        weights = weights - rate * 2 / len(y) * (x.T @ (x @ weights - y))
    return weights
