"""The first twin model: joint log-linear trajectories of several labs.

For lab c and t years after the first observation, on the scaled log scale y = (ln value - ln
centre_c) / spread_c,

    y = level_c + trend_c * SLOPE_SHARE * t + e,   e ~ N(0, noise_c^2),

so that every parameter is about 1 in size. A twin has 2 parameters a lab: all levels, then all
trends. The prior is a normal distribution over them with correlations between labs' levels, between
labs' trends, and between level and trend of one lab; a linear mixed model (Laird and Ware,
Biometrics 1982;38:963) whose adaptation is exact in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twin import gaussian
from twin.closed_form import SeenRows
from twin.gaussian import Posterior
from twin.log_linear_gradient import LabPrior, slopes
from twin.ordered import in_order
from twin.pbc_labs import LABS, NOISE_FACTOR, SLOPE_SHARE, Lab
from twin.prior import Layout, Prior, require_prior_of, unflatten
from twin.protocol import Channel, Prediction, Twin, tensors
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class LogLinearModel:
    """Joint log-linear trajectories; see `twin.protocol.TwinModel` for what each method promises.

    Prior layout, D = 50 numbers for five labs: ``mean`` [P]; ``log_sd`` [P], logs of the marginal
    SDs; ``correlation`` [Q], free entries below the diagonal of a unit-diagonal triangular matrix
    whose rows are scaled to length 1 to give the Cholesky factor of the correlation matrix, so that
    any real numbers give a positive definite covariance; ``log_noise`` [labs].
    """

    def __init__(self, labs: tuple[Lab, ...] = LABS, name: str = "pbc-log-linear-1") -> None:
        if not labs:
            raise ValueError("a log-linear model needs at least one lab")
        self._name = name
        self.labs = labs
        count = len(labs)
        self._log_centre = torch.tensor([math.log(lab.centre) for lab in labs], dtype=torch.float64)
        self._spread = torch.tensor([lab.spread for lab in labs], dtype=torch.float64)
        below = [(i, j) for i in range(count) for j in range(i)]
        entries = (
            below
            + [(count + i, count + j) for i, j in below]
            + [(count + i, i) for i in range(count)]
        )
        self._rows = torch.tensor([i for i, _ in entries], dtype=torch.int64)
        self._columns = torch.tensor([j for _, j in entries], dtype=torch.int64)
        # NumPy takes a tensor of one index for a number.
        self._places = self._rows.numpy(), self._columns.numpy()

    @property
    def name(self) -> str:
        return self._name

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(lab.channel for lab in self.labs)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        names = [channel.name for channel in self.channels]
        return tuple([f"{n}.level" for n in names] + [f"{n}.trend" for n in names])

    @property
    def prior_layout(self) -> Layout:
        count = len(self.labs)
        return (
            ("mean", (2 * count,)),
            ("log_sd", (2 * count,)),
            ("correlation", (len(self._rows),)),
            ("log_noise", (count,)),
        )

    def initial_prior(self) -> Prior:
        """Published typical values and spreads (`twin.pbc_labs`), no trend on average, no
        correlation.
        """
        noise = [NOISE_FACTOR * lab.within / lab.spread for lab in self.labs]
        return {
            "mean": np.zeros(2 * len(self.labs)),
            "log_sd": np.zeros(2 * len(self.labs)),
            "correlation": np.zeros(len(self._rows)),
            "log_noise": np.log(np.array(noise, dtype=np.float64)),
        }

    def gradient_scale(self) -> FloatArray:
        return np.ones(sum(math.prod(shape) for _, shape in self.prior_layout))

    def scaled(self, channel: Tensor, value: Tensor) -> Tensor:
        return (torch.log(value) - self._log_centre[channel]) / self._spread[channel]

    def trajectory(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor
    ) -> Callable[[Tensor], Tensor]:
        design = self._design(times, channel)
        return lambda z: design @ z

    def trend_at(self, times: FloatArray) -> FloatArray:
        return SLOPE_SHARE * times

    def conditional(
        self,
        prior: Mapping[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        support: Tensor,
    ) -> tuple[Tensor, Tensor]:
        rows = times.shape[-1]
        return self.conditional_within(prior, times, channel, scaled, support, head=rows, detail=0)

    def detail_of(self, channel: IntArray) -> int:
        return 0

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
        design = self._design(times, channel)
        noise = torch.exp(prior["log_noise"])[channel]
        posterior = Posterior(prior["mean"], self._factor(prior))
        if head > 0:
            posterior = gaussian.adapt(
                *posterior, design[:head], noise[:head], scaled[:head], support[:head]
            )
        return gaussian.predict(posterior, design, noise)

    def loss_gradients(
        self, prior: FloatArray, rows: SeenRows, support_visits: int, counts: range
    ) -> FloatArray:
        named = unflatten(prior, self.prior_layout)
        triangle = np.eye(2 * len(self.labs))
        triangle[self._places] = named["correlation"]
        length = np.sqrt((triangle**2).sum(axis=1, keepdims=True))
        unit, sd = triangle / length, np.exp(named["log_sd"]).reshape(-1, 1)
        found = slopes(
            LabPrior(named["mean"], sd * unit, np.exp(named["log_noise"])),
            self.trend_at(rows.times),
            rows,
            support_visits,
            counts,
        )
        return np.concatenate(
            [
                found.mean.T,
                *self._by_correlation(found.factor, unit, length, sd),
                found.log_noise.T,
            ],
            axis=1,
        )

    def adapt(self, prior: Prior, observations: PatientSeries) -> Twin:
        """The twin after one exact Gauss-Newton step on all the observations. Raises ValueError:
        see `_rows_of`; also for the prior of another model, or a value that is not above zero.
        """
        require_prior_of(self.name, self.prior_layout, prior)
        p = tensors(prior)
        times, channel = self._rows_of(observations.times, observations.channel)
        if np.any(observations.value <= 0):
            raise ValueError("a log-linear model needs values above zero")
        scaled = self.scaled(channel, torch.tensor(observations.value))
        noise = torch.exp(p["log_noise"])
        posterior = gaussian.adapt(
            p["mean"],
            self._factor(p),
            self._design(times, channel),
            noise[channel],
            scaled,
            torch.ones_like(scaled),
        )
        covariance = posterior.factor @ posterior.factor.T
        return Twin(posterior.mean.numpy(), covariance.numpy(), noise.numpy())

    def predict(self, twin: Twin, times: FloatArray, channel: IntArray) -> Prediction:
        """Moments of the log-normal predictive distribution, noise included. Raises ValueError: see
        `_rows_of`.
        """
        design = self._design(*self._rows_of(times, channel)).numpy()
        spread = self._spread.numpy()[channel]
        log_mean = self._log_centre.numpy()[channel] + spread * (design @ twin.mean)
        scaled_variance = (
            np.einsum("np,pq,nq->n", design, twin.covariance, design) + twin.noise[channel] ** 2
        )
        log_variance = spread**2 * scaled_variance
        mean = np.exp(log_mean + log_variance / 2)
        return Prediction(mean, np.expm1(log_variance) * mean**2, log_mean, log_variance)

    def simulate(
        self,
        twin: Twin,
        times: FloatArray,
        channel: IntArray,
        generator: np.random.Generator,
        draws: int = 1,
    ) -> FloatArray:
        design = self._design(*self._rows_of(times, channel)).numpy()
        parameters = generator.multivariate_normal(
            twin.mean, twin.covariance, size=draws, method="cholesky"
        )
        noise = generator.standard_normal((draws, len(times))) * twin.noise[channel]
        scaled = parameters @ design.T + noise
        centre, spread = self._log_centre.numpy()[channel], self._spread.numpy()[channel]
        return np.asarray(np.exp(centre + spread * scaled), dtype=np.float64)

    def covariance(self, prior: Prior) -> FloatArray:
        """The prior covariance of the twin parameters, float64 [P, P]."""
        factor = self._factor(tensors(prior))
        return np.asarray((factor @ factor.T).numpy(), dtype=np.float64)

    def _factor(self, prior: Mapping[str, Tensor]) -> Tensor:
        size = 2 * len(self.labs)
        triangle = torch.eye(size, dtype=torch.float64).index_put(
            (self._rows, self._columns), prior["correlation"]
        )
        unit = triangle / torch.sqrt((triangle**2).sum(-1, keepdim=True))
        return torch.exp(prior["log_sd"]).unsqueeze(-1) * unit

    def _by_correlation(
        self, by_factor: FloatArray, unit: FloatArray, length: FloatArray, sd: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """From derivatives in the factor [P, P, patients] to those in ``log_sd`` and
        ``correlation``, [patients, P] and [patients, Q]; see `_factor`.
        """
        along = in_order(np.swapaxes(by_factor * unit[:, :, np.newaxis], 0, 1))
        free = (by_factor - along[:, np.newaxis] * unit[:, :, np.newaxis]) * (sd / length).reshape(
            -1, 1, 1
        )
        return (sd * along).T, free[self._places].T

    def _design(self, times: Tensor, channel: Tensor) -> Tensor:
        labs = torch.arange(len(self.labs))
        level = (channel.unsqueeze(-1) == labs).to(torch.float64)
        return torch.cat([level, level * (SLOPE_SHARE * times).unsqueeze(-1)], dim=-1)

    def _rows_of(self, times: FloatArray, channel: IntArray) -> tuple[Tensor, Tensor]:
        """Raises ValueError when lengths differ or a channel is not one of the model's."""
        if times.shape != channel.shape or times.ndim != 1:
            raise ValueError("times and channel must be 1-d arrays of one length")
        if np.any((channel < 0) | (channel >= len(self.labs))):
            raise ValueError(
                f"channel must be from 0 to {len(self.labs) - 1} for model {self.name}"
            )
        return torch.tensor(times, dtype=torch.float64), torch.tensor(channel, dtype=torch.int64)
