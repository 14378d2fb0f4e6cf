"""The default twin: each code has the patient's own level and drift, and what comes and goes.

For code c at t years after the first observation, on the scaled scale,

    y = level_c + drift_c phi(t / span) + u_c(t) + e,   phi(x) = 2 x / (1 + x),

u_c an Ornstein-Uhlenbeck process with standard deviation ``walk`` and time constant ``pace`` spans
(Uhlenbeck and Ornstein, Phys Rev 1930;36:823), e ~ N(0, noise_c^2) of each result alone. Levels of
different codes are correlated. phi is a straight line at first and levels off, so that a trend seen
early is not carried on for ever. Everything is Gaussian: adaptation is exact, one Gauss-Newton step
from anywhere (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations 2.23
and 2.24).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twin.prior import Layout, Prior, require_prior_of, unflatten
from twin.protocol import Channel, Prediction, Twin, tensors
from twin.series import PatientSeries, empty_series
from twin.trajectory.scale import Scales

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CORRELATED_CODES: Final = 8
"""Up to so many codes all levels have correlations of their own, the first so many of more: their
number grows with the square, and the noise with it."""

LEVEL_SD: Final = 0.7
DRIFT_SD: Final = 0.3
WALK_SD: Final = 0.4
NOISE_SD: Final = 0.5
PACE: Final = 0.05
"""Where the prior starts: results of spread 1 that are half the patient's own level, and change
within a twentieth of a record. Our choice; adaptation is learned from there."""


@dataclass(frozen=True, eq=False)
class TrajectoryTwin(Twin):
    """A twin, and the observations that its forecasts go on from; ``prior`` as adapted with."""

    prior: Prior = field(default_factory=dict)
    seen: PatientSeries = field(default_factory=empty_series)


class _Rows(NamedTuple):
    """Times in years, channels, and phi of the times, each [n]."""

    times: Tensor
    channel: Tensor
    phi: Tensor


class TrajectoryModel:
    """See `twin.protocol.TwinModel` for what each method promises.

    Prior layout for C codes: ``mean`` [2C], ``log_sd`` [2C] (levels, then drifts); ``correlation``
    [Q], free entries below the diagonal of a unit-diagonal triangular matrix whose rows are scaled
    to length 1, of the first CORRELATED_CODES levels, absent with one code;
    ``log_walk`` [C], ``log_pace`` [C], ``log_noise`` [C].
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        scales: Scales,
        span: float,
        name: str = "trajectory-1",
    ) -> None:
        """``span``: years of a typical record. Raises ValueError."""
        if len(channels) != len(scales):
            raise ValueError("as many scales as channels are needed")
        if not (math.isfinite(span) and span > 0):
            raise ValueError("a typical record has a span above 0 years")
        self._name, self._channels, self.scales, self.span = name, tuple(channels), scales, span
        codes = min(len(channels), CORRELATED_CODES)
        pairs = [(i, j) for i in range(codes) for j in range(i)]
        self._below = (
            torch.tensor([i for i, _ in pairs], dtype=torch.int64),
            torch.tensor([j for _, j in pairs], dtype=torch.int64),
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def channels(self) -> tuple[Channel, ...]:
        return self._channels

    @property
    def parameter_names(self) -> tuple[str, ...]:
        names = [channel.name for channel in self._channels]
        return tuple([f"{n}.level" for n in names] + [f"{n}.drift" for n in names])

    @property
    def prior_layout(self) -> Layout:
        return tuple((name, array.shape) for name, array in self.initial_prior().items())

    def initial_prior(self) -> Prior:
        """Where a scale's centre is not sure, a patient's level is as unsure, and nothing else."""
        codes, pairs = len(self._channels), len(self._below[0])
        correlation = {"correlation": np.zeros(pairs)} if pairs else {}
        own = self.scales.own
        level = np.sqrt((LEVEL_SD * own) ** 2 + 1 - own**2)
        return {
            "mean": np.zeros(2 * codes),
            "log_sd": np.log(np.concatenate([level, DRIFT_SD * own])),
            **correlation,
            "log_walk": np.log(WALK_SD * own),
            "log_pace": np.full(codes, math.log(PACE)),
            "log_noise": np.log(NOISE_SD * own),
        }

    def widened(self, prior: Prior, factor: float) -> Prior:
        """Intervals ``factor`` times as wide around the same forecasts: every SD grows alike, and a
        Gaussian's conditional mean depends on their ratios alone.
        """
        wider = ("log_sd", "log_walk", "log_noise")
        return {
            name: array + math.log(factor) if name in wider else array
            for name, array in prior.items()
        }

    def gradient_scale(self) -> FloatArray:
        """A level's mean weighs more in what is clipped where nobody is sure of its scale's centre:
        it has that much farther to go.
        """
        found = np.ones(sum(math.prod(shape) for _, shape in self.prior_layout))
        found[: len(self._channels)] = 1 / self.scales.own
        return found

    def step_scale(self) -> FloatArray:
        """How long each number's steps are, float64 [D]: a scale that is as wide as nobody knows
        its centre is too wide for a mean drift, which is in units of what is between results.
        """
        codes = len(self._channels)
        found = np.ones(sum(math.prod(shape) for _, shape in self.prior_layout))
        found[codes : 2 * codes] = self.scales.own
        return found

    def conditioning(self, prior: FloatArray) -> FloatArray:
        """What each number's gradient is multiplied by, float64 [D]; 1 at the start.

        A mean's gradient is in units of 1 / variance, so it grows while variances are learned to be
        smaller, and its steps go past the mean: with the code's variance as it stands they do not
        (a natural gradient: Amari, Neural Computation 1998;10:251).
        """
        now, start = (
            np.exp(2 * p["log_sd"][: len(self._channels)])
            + np.exp(2 * p["log_walk"])
            + np.exp(2 * p["log_noise"])
            for p in (unflatten(prior, self.prior_layout), self.initial_prior())
        )
        found = np.ones(prior.size)
        found[: 2 * len(self._channels)] = np.tile(now / start, 2)
        return found

    def scaled(self, channel: Tensor, value: Tensor) -> Tensor:
        return self.scales.scaled_tensor(channel, value)

    def trajectory(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor
    ) -> Callable[[Tensor], Tensor]:
        rows = self._rows(times, channel)
        return lambda z: self._expected(z, rows)

    def trend_at(self, times: FloatArray) -> FloatArray:
        x = np.maximum(times, 0.0) / self.span
        return np.asarray(2 * x / (1 + x), dtype=np.float64)

    def conditional(
        self,
        prior: Mapping[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        support: Tensor,
    ) -> tuple[Tensor, Tensor]:
        rows = self._rows(times, channel)
        between, own = self._kernel(prior, rows), self._own_variance(prior, channel)
        given = between * support.unsqueeze(-1) * support
        lower, _ = torch.linalg.cholesky_ex(
            given + torch.diag(torch.where(support > 0, own, torch.ones_like(own)))
        )
        mean = self._expected(prior["mean"], rows)
        reach = between * support  # [n, n], columns of what is not known are 0
        right = torch.stack([support * (scaled - mean)], dim=-1)
        half = torch.linalg.solve_triangular(
            lower, torch.cat([right, reach.T], dim=-1), upper=False
        )
        moved = half[:, 1:].T @ half[:, 0]
        variance = torch.diagonal(between) - (half[:, 1:] ** 2).sum(0) + own
        return mean + moved, torch.clamp(variance, min=1e-12)

    def conditional_on_first(
        self,
        prior: Mapping[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        seen: Tensor,
        first: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """`conditional` on the first rows, for several numbers of them at once: [counts, n] each.

        ``seen`` float64 [n], 0 on padding, which comes last; ``first`` int64 [counts]. One Cholesky
        factor serves all: that of the first rows is the corner of that of all.
        """
        rows = self._rows(times, channel)
        between, own = self._kernel(prior, rows), self._own_variance(prior, channel)
        among = between * seen.unsqueeze(-1) * seen
        lower, _ = torch.linalg.cholesky_ex(
            among + torch.diag(torch.where(seen > 0, own, torch.ones_like(own)))
        )
        mean = self._expected(prior["mean"], rows)
        right = torch.cat(
            [(seen * (scaled - mean)).unsqueeze(-1), between * seen.unsqueeze(-1)], dim=-1
        )
        half = torch.linalg.solve_triangular(lower, right, upper=False)
        known = (torch.arange(len(times)) < first.unsqueeze(-1)).to(torch.float64)
        reach = half[:, 1:]
        moved = (known * half[:, 0]) @ reach
        variance = torch.diagonal(between) - known @ reach**2 + own
        return mean + moved, torch.clamp(variance, min=1e-12)

    def adapt(self, prior: Prior, observations: PatientSeries) -> TrajectoryTwin:
        """Raises ValueError when a channel is not one of the model's, or the prior is not of it."""
        require_prior_of(self.name, self.prior_layout, prior)
        p = tensors(prior)
        rows = self._rows_of(observations.times, observations.channel)
        covariance = self._covariance(p)
        noise = np.exp(prior["log_noise"])
        if len(observations) == 0:
            return TrajectoryTwin(prior["mean"], covariance.numpy(), noise, prior, observations)
        scaled = self.scaled(rows.channel, torch.tensor(observations.value))
        design = self._design(rows)
        spread = covariance @ design.T
        known = self._kernel(p, rows) + torch.diag(self._own_variance(p, rows.channel))
        gain = torch.linalg.solve(known, spread.T).T
        mean = p["mean"] + gain @ (scaled - design @ p["mean"])
        left = covariance - gain @ spread.T
        return TrajectoryTwin(
            mean.numpy(), ((left + left.T) / 2).numpy(), noise, prior, observations
        )

    def predict(self, twin: Twin, times: FloatArray, channel: IntArray) -> Prediction:
        """Raises ValueError when a channel is not one of the model's, or the twin is not of it."""
        mean, variance = self._forecast(twin, times, channel)
        return Prediction(
            *self.scales.moments(channel, mean.numpy(), torch.diagonal(variance).numpy())
        )

    def simulate(
        self,
        twin: Twin,
        times: FloatArray,
        channel: IntArray,
        generator: np.random.Generator,
        draws: int = 1,
    ) -> FloatArray:
        """Whole courses: what comes and goes is drawn jointly over the times."""
        mean, covariance = self._forecast(twin, times, channel)
        scaled = generator.multivariate_normal(
            mean.numpy(), covariance.numpy(), size=draws, method="eigh"
        )
        return self.scales.value(np.broadcast_to(channel, scaled.shape), scaled)

    def _forecast(self, twin: Twin, times: FloatArray, channel: IntArray) -> tuple[Tensor, Tensor]:
        """Mean [n] and covariance [n, n], noise included, on the scaled scale."""
        if not isinstance(twin, TrajectoryTwin) or not twin.prior:
            raise ValueError(f"this twin is not of model {self.name}: adapt one with it")
        p, asked = tensors(twin.prior), self._rows_of(times, channel)
        seen = self._rows_of(twin.seen.times, twin.seen.channel)
        rows = _Rows(*(torch.cat(pair) for pair in zip(seen, asked, strict=True)))
        between, own = self._kernel(p, rows), self._own_variance(p, rows.channel)
        n = len(twin.seen)
        mean = self._expected(p["mean"], rows)
        covariance = between[n:, n:] + torch.diag(own[n:])
        if n == 0:
            return mean, covariance
        scaled = self.scaled(seen.channel, torch.tensor(twin.seen.value))
        gain = torch.linalg.solve(between[:n, :n] + torch.diag(own[:n]), between[:n, n:]).T
        return mean[n:] + gain @ (scaled - mean[:n]), covariance - gain @ between[:n, n:]

    def _level_covariance(self, prior: Mapping[str, Tensor]) -> Tensor:
        """Of the levels, [C, C]."""
        codes = len(self._channels)
        triangle = torch.eye(codes, dtype=torch.float64)
        if "correlation" in prior:
            triangle = triangle.index_put(self._below, prior["correlation"])
        unit = triangle / torch.sqrt((triangle**2).sum(-1, keepdim=True))
        factor = torch.exp(prior["log_sd"][:codes]).unsqueeze(-1) * unit
        return factor @ factor.T

    def _covariance(self, prior: Mapping[str, Tensor]) -> Tensor:
        """Of the twin's parameters, [2C, 2C]: levels go together, drifts are each by itself."""
        drifts = torch.diag(torch.exp(2 * prior["log_sd"][len(self._channels) :]))
        levels = self._level_covariance(prior)
        none = torch.zeros_like(drifts)
        return torch.cat([torch.cat([levels, none], dim=1), torch.cat([none, drifts], dim=1)])

    def _kernel(self, prior: Mapping[str, Tensor], rows: _Rows) -> Tensor:
        """Covariance [n, n] of what the rows would be without their own noise."""
        levels, codes = self._level_covariance(prior), len(self._channels)
        same = (rows.channel.unsqueeze(-1) == rows.channel).to(torch.float64)
        drift = torch.exp(2 * prior["log_sd"][codes:])[rows.channel].unsqueeze(-1)
        lasting = levels[rows.channel][:, rows.channel] + same * drift * (
            rows.phi.unsqueeze(-1) * rows.phi
        )
        apart = torch.abs(rows.times.unsqueeze(-1) - rows.times) / self.span
        walk = torch.exp(prior["log_walk"])[rows.channel]
        pace = torch.exp(prior["log_pace"])[rows.channel].unsqueeze(-1)
        return lasting + same * (walk**2).unsqueeze(-1) * torch.exp(-apart / pace)

    def _own_variance(self, prior: Mapping[str, Tensor], channel: Tensor) -> Tensor:
        return torch.exp(2 * prior["log_noise"])[channel]

    def _rows(self, times: Tensor, channel: Tensor) -> _Rows:
        x = torch.clamp(times, min=0.0) / self.span
        return _Rows(times, channel, 2 * x / (1 + x))

    def _expected(self, z: Tensor, rows: _Rows) -> Tensor:
        return z[rows.channel] + z[len(self._channels) + rows.channel] * rows.phi

    def _design(self, rows: _Rows) -> Tensor:
        """Of parameters, [n, 2C]."""
        level = (rows.channel.unsqueeze(-1) == torch.arange(len(self._channels))).to(torch.float64)
        return torch.cat([level, level * rows.phi.unsqueeze(-1)], dim=-1)

    def _rows_of(self, times: FloatArray, channel: IntArray) -> _Rows:
        if times.shape != channel.shape or times.ndim != 1:
            raise ValueError("times and channel must be 1-d arrays of one length")
        if np.any((channel < 0) | (channel >= len(self._channels))):
            raise ValueError(
                f"channel must be from 0 to {len(self._channels) - 1} for model {self.name}"
            )
        return self._rows(torch.tensor(times, dtype=torch.float64), torch.tensor(channel))
