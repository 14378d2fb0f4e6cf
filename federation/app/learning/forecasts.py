"""Forecasts of held-out patients' later visits by every method, and their errors with bootstrap
intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.app.learning import baselines
from twin.log_linear import LogLinearModel
from twin.prior import unflatten
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Learned:
    """What one training run gives: priors and population weights by method name."""

    priors: Mapping[str, FloatArray]
    populations: Mapping[str, FloatArray]
    fine_tunings: Mapping[str, baselines.FineTuning]


@dataclass(frozen=True)
class Outcome:
    """One held-out patient: labs [n] of the observations predicted, each method's errors [n] on the
    natural log scale, and the share of those observations inside the prior's 90 % predictive
    interval.
    """

    channel: IntArray
    errors: Mapping[str, FloatArray]
    covered: float


def outcome(
    model: LogLinearModel,
    learned: Learned,
    patient: PatientSeries,
    support_visits: int,
    within: float = math.inf,
) -> Outcome | None:
    """None when no visit follows the support visits within this many years of the last of them."""
    times, channel, value = patient.after_visits(support_visits)
    support = patient.first_visits(support_visits)
    near = times <= (support.times[-1] if len(support) else 0.0) + within
    times, channel, value = times[near], channel[near], value[near]
    if len(times) == 0:
        return None
    truth = np.log(value)
    spread = np.array([lab.spread for lab in model.labs])[channel]
    centre = np.log(np.array([lab.centre for lab in model.labs]))[channel]
    errors: dict[str, FloatArray] = {}
    covered = 0.0
    for name, vector in learned.priors.items():
        twin = model.adapt(unflatten(vector, model.prior_layout), support)
        forecast = model.predict(twin, times, channel)
        errors[name] = forecast.log_mean - truth
        if name == "prior":
            covered = float(
                (np.abs(errors[name]) <= 1.6449 * np.sqrt(forecast.log_variance)).mean()
            )
    for name, weights in learned.populations.items():
        scaled = baselines.population_forecast(weights, times, channel)
        errors[name] = centre + spread * scaled - truth
        own = baselines.fine_tune(model, weights, support, learned.fine_tunings[name])
        scaled = baselines.population_forecast(own, times, channel)
        errors[f"{name}_fine_tuned"] = centre + spread * scaled - truth
    weights = learned.populations["fedavg"]
    scaled = baselines.last_value_forecast(model, weights, support, times, channel)
    errors["last_value"] = centre + spread * scaled - truth
    scaled = baselines.local_forecast(model, weights, support, times, channel)
    errors["local_fit"] = centre + spread * scaled - truth
    return Outcome(channel, errors, covered)


class Scores:
    """Sums of squares by patient, lab and method: all that errors and their bootstrap need.

    The overall error divides each lab's error by its published spread, so that labs count alike.
    """

    def __init__(self, model: LogLinearModel, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            raise ValueError("no held-out patient has a visit to predict")
        self.labs = [channel.name for channel in model.channels]
        self.methods = list(outcomes[0].errors)
        spread = np.array([lab.spread for lab in model.labs])
        shape = (len(outcomes), len(self.labs))
        self._count = np.zeros(shape)
        self._squares = {name: np.zeros(shape) for name in self.methods}
        for row, one in enumerate(outcomes):
            np.add.at(self._count[row], one.channel, 1.0)
            for name in self.methods:
                np.add.at(self._squares[name][row], one.channel, one.errors[name] ** 2)
        self._scaled = {name: s / spread**2 for name, s in self._squares.items()}

    def rmse(self, method: str, weights: FloatArray | None = None) -> FloatArray:
        """Root mean squared error, float64 [labs + 1]: each lab (natural log), then overall (in
        published spreads).

        ``weights`` [patients] are how often each patient was drawn; all ones when left out.
        """
        drawn = np.ones(len(self._count)) if weights is None else weights
        count = drawn @ self._count
        labs = np.sqrt(drawn @ self._squares[method] / count)
        overall = np.sqrt((drawn @ self._scaled[method]).sum() / count.sum())
        return np.append(labs, overall)

    def reduction(self, method: str, against: str, resamples: int, seed: int) -> FloatArray:
        """How much lower ``method``'s error is, as a share: float64 [labs + 1, 3] of estimate and
        95 % interval.

        Paired percentile bootstrap over patients (Efron and Tibshirani 1993, chapter 13).
        """
        estimate = 1 - self.rmse(method) / self.rmse(against)
        generator = np.random.default_rng(seed)
        patients = len(self._count)
        draws = generator.multinomial(patients, np.full(patients, 1 / patients), size=resamples)
        ratios = np.stack(
            [1 - self.rmse(method, d) / self.rmse(against, d) for d in draws.astype(float)]
        )
        low, high = np.quantile(ratios, [0.025, 0.975], axis=0)
        return np.stack([estimate, low, high], axis=1)

    def made_worse(self, method: str, against: str) -> float:
        """The share of patients whose overall error is larger with ``method``."""
        worse = self._scaled[method].sum(1) > self._scaled[against].sum(1)
        return float(worse.mean())
