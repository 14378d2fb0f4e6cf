"""The sickle-cell twin as a `TwinModel`: 11 parameters a patient, a prior of 33 numbers, adapted by
Gauss-Newton steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from twin import gauss_newton
from twin.gaussian import Posterior
from twin.prior import Layout, Prior, require_prior_of
from twin.protocol import Channel, Prediction, Twin, tensors
from twin.series import PatientSeries
from twin.sickle_cell import figures as f
from twin.sickle_cell import physiology, slopes
from twin.sickle_cell.channels import (
    CHANNELS,
    INPUTS,
    RESULTS,
    WEIGHT,
    log_of,
    most_of,
    scaled,
    scaled_logs,
    shift_of,
    spread_of,
)
from twin.sickle_cell.exposure import MOST_CHANGES, Exposure, changes_in, exposure_of
from twin.sickle_cell.physiology import PARAMETERS, Blood
from twin.sickle_cell.regimen import SickleCellTwin, regimen_of, rows_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STEPS: Final = 4
"""Gauss-Newton steps of an adaptation; a test shows that more change next to nothing."""

CORRELATED: Final = (
    ("hbf.inhibition", "hbf.elimination"),
    ("mcv.effect", "mcv.baseline"),
    ("mcv.effect", "hbf.inhibition"),
    ("neutrophils.effect", "mcv.effect"),
    ("haemoglobin.baseline", "hbf.production"),
    ("crises.rate", "haemoglobin.baseline"),
)
"""Pairs of parameters whose correlation is learned. The first two are published (Paule 2011); the
others, our choice, are ties that clinics speak of, and start at none."""

# A row of an input is never wrong and never scored: its density is 1 whatever the model.
_INPUT_NOISE: Final = 1 / math.sqrt(2 * math.pi)


class SickleCellModel:
    """Hydroxyurea and its responses; see `twin.protocol.TwinModel` for what each method promises.

    Parameters are in published SDs from the published typical patient (`physiology.PARAMETERS`).
    Prior layout, D = 33: ``mean`` [11]; ``log_sd`` [11]; ``correlation`` [6], free entries of a
    unit-diagonal triangular matrix whose rows are scaled to length 1, in the order of CORRELATED;
    ``log_noise`` [5]. Doses and weights (`inputs`) are given, not predicted: `conditional` returns
    what it was given, and gradients do not see them. Scales: `twin.sickle_cell.channels`; pain
    is on the scale of ln(1 + score), so `Prediction.log_mean` is of 1 + score there.
    """

    def __init__(self, name: str = "scd-hydroxyurea-1", steps: int = STEPS) -> None:
        if steps < 1:
            raise ValueError("an adaptation needs at least one step")
        self._name, self._steps = name, steps
        index = {parameter: place for place, parameter in enumerate(PARAMETERS)}
        pairs = [(index[i], index[j]) for i, j in CORRELATED]
        self._rows = torch.tensor([max(pair) for pair in pairs])
        self._columns = torch.tensor([min(pair) for pair in pairs])

    @property
    def name(self) -> str:
        return self._name

    @property
    def channels(self) -> tuple[Channel, ...]:
        return CHANNELS

    @property
    def by_steps(self) -> tuple[SickleCellModel, ...]:
        """This model after 1, 2, ... and all of its Gauss-Newton steps."""
        return tuple(SickleCellModel(self._name, steps) for steps in range(1, self._steps + 1))

    @property
    def inputs(self) -> frozenset[int]:
        """Channels that are given to the model and must not be scored: dose and weight."""
        return INPUTS

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return PARAMETERS

    @property
    def prior_layout(self) -> Layout:
        return (
            ("mean", (len(PARAMETERS),)),
            ("log_sd", (len(PARAMETERS),)),
            ("correlation", (len(CORRELATED),)),
            ("log_noise", (len(RESULTS),)),
        )

    def initial_prior(self) -> Prior:
        """The published population (`twin.sickle_cell.figures`)."""
        correlation = np.zeros(len(CORRELATED))
        correlation[0] = _entry(f.HBF_KOUT_IMAX_CORRELATION)
        correlation[1] = _entry(physiology.MCV_BASELINE_EFFECT_CORRELATION)
        noise = [result.residual / result.spread for result in RESULTS]
        return {
            "mean": np.zeros(len(PARAMETERS)),
            "log_sd": np.zeros(len(PARAMETERS)),
            "correlation": correlation,
            "log_noise": np.log(np.array(noise, dtype=np.float64)),
        }

    def gradient_scale(self) -> FloatArray:
        return np.ones(sum(math.prod(shape) for _, shape in self.prior_layout))

    def scaled(self, channel: Tensor, value: Tensor) -> Tensor:
        return scaled(channel, value)

    def trajectory(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor
    ) -> Callable[[Tensor], Tensor]:
        """An input is expected at 0, whatever the parameters."""
        return self.trajectory_within(times, channel, scaled, known, detail=MOST_CHANGES)

    def line_within(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor, *, detail: int
    ) -> gauss_newton.Line:
        return _line(exposure_of(times, channel, scaled, known, most=detail), channel)

    def trajectory_within(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor, *, detail: int
    ) -> gauss_newton.Model:
        exposure = exposure_of(times, channel, scaled, known, most=detail)
        result = torch.clamp(channel, max=len(RESULTS) - 1)
        is_result = (channel < WEIGHT).to(torch.float64)

        def expected(z: Tensor) -> Tensor:
            return scaled_logs(result, physiology.expected_logs(z, exposure, result)) * is_result

        return expected

    def conditional(
        self,
        prior: Mapping[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        support: Tensor,
    ) -> tuple[Tensor, Tensor]:
        rows = times.shape[-1]
        return self.conditional_within(
            prior, times, channel, scaled, support, head=rows, detail=MOST_CHANGES
        )

    def detail_of(self, channel: IntArray) -> int:
        return changes_in(channel)

    def conditional_within(
        self,
        prior: Mapping[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        support: Tensor,
        *,
        head: int,
        detail: int,
    ) -> tuple[Tensor, Tensor]:
        is_input = channel >= WEIGHT
        exposure = exposure_of(times, channel, scaled, support, most=detail)
        noise = self._noise(prior, channel)
        posterior = Posterior(prior["mean"], self._factor(prior))
        if head > 0:
            posterior = gauss_newton.adapt(
                _line(exposure.first_rows(head), channel[:head]),
                *posterior,
                noise[:head],
                scaled[:head],
                torch.where(is_input, 0.0, support)[:head],
                self._steps,
            )
        mean, variance = gauss_newton.predict(_line(exposure, channel), posterior, noise)
        return torch.where(is_input, scaled, mean), variance

    def adapt(self, prior: Prior, observations: PatientSeries) -> SickleCellTwin:
        """The twin after the model's Gauss-Newton steps on all the observations.

        Raises ValueError when the prior is another model's, a channel is not one of the model's, or
        a value is below zero.
        """
        require_prior_of(self.name, self.prior_layout, prior)
        channel = self._channel(observations.channel)
        if np.any(observations.value < 0):
            raise ValueError(f"model {self.name} needs values that are not below zero")
        p, times = tensors(prior), torch.tensor(observations.times)
        every = torch.arange(len(CHANNELS))
        if len(observations) == 0:
            noise = self._noise(p, every).numpy()
            return SickleCellTwin(p["mean"].numpy(), self.covariance(prior), noise)
        values = scaled(channel, torch.tensor(observations.value))
        ones = torch.ones_like(values)
        posterior = gauss_newton.adapt(
            _line(exposure_of(times, channel, values, ones), channel),
            p["mean"],
            self._factor(p),
            self._noise(p, channel),
            values,
            torch.where(channel >= WEIGHT, torch.zeros_like(ones), ones),
            self._steps,
        )
        return SickleCellTwin(
            posterior.mean.numpy(),
            (posterior.factor @ posterior.factor.T).numpy(),
            self._noise(p, every).numpy(),
            regimen_of(observations),
        )

    def predict(self, twin: Twin, times: FloatArray, channel: IntArray) -> Prediction:
        """Moments on the scaled log scale by the delta method, the log-normal they belong to, noise
        included. Raises ValueError: see `_channel`; also for an input.
        """
        codes = self._results(times, channel)
        factor = torch.linalg.cholesky(torch.tensor(twin.covariance))
        noise = torch.tensor(twin.noise)[codes]
        mean, variance = gauss_newton.predict(
            _line(_planned_exposure(twin, times, codes), codes),
            Posterior(torch.tensor(twin.mean), factor),
            noise,
        )
        log_mean = log_of(codes, mean).numpy()
        log_variance = (spread_of(codes) ** 2 * variance).numpy()
        shifted = np.exp(log_mean + log_variance / 2)
        return Prediction(
            shifted - shift_of(codes).numpy(),
            np.expm1(log_variance) * shifted**2,
            log_mean,
            log_variance,
        )

    def simulate(
        self,
        twin: Twin,
        times: FloatArray,
        channel: IntArray,
        generator: np.random.Generator,
        draws: int = 1,
    ) -> FloatArray:
        """Draws go through the model itself, not through its line. Pain below 0 is 0, and what is
        above the most that there can be (`channels.Result`) is that: nothing else bounds HbF.
        """
        codes = self._results(times, channel)
        parameters = generator.multivariate_normal(
            twin.mean, twin.covariance, size=draws, method="cholesky"
        )
        noise = generator.standard_normal((draws, len(times))) * twin.noise[channel]
        exposure = _planned_exposure(twin, times, codes)
        logs = vmap(lambda z: physiology.expected_logs(z, exposure, codes))
        found = scaled_logs(codes, logs(torch.tensor(parameters)))
        values = torch.exp(log_of(codes, found + torch.tensor(noise))) - shift_of(codes)
        possible = torch.minimum(torch.clamp(values, min=0.0), most_of(codes))
        return np.asarray(possible.numpy(), dtype=np.float64)

    def course(self, twin: Twin, times: FloatArray) -> Blood:
        """What the twin's mean parameters expect at these times (years), without noise: the five
        results and the crises a patient-year, each float64 [n].
        """
        exposure = _planned_exposure(twin, times, torch.zeros(len(times), dtype=torch.int64))
        return physiology.blood(torch.tensor(twin.mean), exposure)

    def covariance(self, prior: Prior) -> FloatArray:
        """The prior covariance of the twin parameters, float64 [P, P]."""
        factor = self._factor(tensors(prior))
        return np.asarray((factor @ factor.T).numpy(), dtype=np.float64)

    def _noise(self, prior: Mapping[str, Tensor], channel: Tensor) -> Tensor:
        """SD of one row of each of these channels."""
        learned = torch.exp(prior["log_noise"])
        return torch.cat([learned, torch.full_like(learned[: len(INPUTS)], _INPUT_NOISE)])[channel]

    def _factor(self, prior: Mapping[str, Tensor]) -> Tensor:
        triangle = torch.eye(len(PARAMETERS), dtype=torch.float64).index_put(
            (self._rows, self._columns), prior["correlation"]
        )
        unit = triangle / torch.sqrt((triangle**2).sum(-1, keepdim=True))
        return torch.exp(prior["log_sd"]).unsqueeze(-1) * unit

    def _channel(self, channel: IntArray) -> Tensor:
        """Raises ValueError when a channel is not one of the model's."""
        if np.any((channel < 0) | (channel >= len(CHANNELS))):
            raise ValueError(f"channel must be from 0 to {len(CHANNELS) - 1} for model {self.name}")
        return torch.tensor(channel, dtype=torch.int64)

    def _results(self, times: FloatArray, channel: IntArray) -> Tensor:
        if times.shape != channel.shape or times.ndim != 1:
            raise ValueError("times and channel must be 1-d arrays of one length")
        codes = self._channel(channel)
        if bool((codes >= WEIGHT).any()):
            raise ValueError(f"doses and weights are inputs of model {self.name}, not predictions")
        return codes


def _line(exposure: Exposure, channel: Tensor) -> gauss_newton.Line:
    """The line of rows on the scaled scale; an input is expected at 0 and follows nothing."""
    result = torch.clamp(channel, max=len(RESULTS) - 1)
    is_result = (channel < WEIGHT).to(torch.float64)
    rows, spread = slopes.rows_at(exposure, result), is_result / spread_of(result)

    def line(z: Tensor) -> tuple[Tensor, Tensor]:
        logs, slope = slopes.linearised(z, exposure, rows)
        return scaled_logs(result, logs) * is_result, slope * spread.unsqueeze(-1)

    return line


def _planned_exposure(twin: Twin, times: FloatArray, channel: Tensor) -> Exposure:
    """Where the rows asked for lie in a twin's regimen."""
    rows = rows_of(twin, times, channel)
    exposure = exposure_of(rows.times, rows.channel, rows.scaled, rows.known, planned=rows.planned)
    return exposure.rows(rows.place)


def _entry(correlation: float) -> float:
    """The free entry of a row with one entry that gives this correlation."""
    return correlation / math.sqrt(1 - correlation**2)
