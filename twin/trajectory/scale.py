"""The scale on which results of one code are about 1 in size, when nobody has published one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BEND: Final = 1.5
"""In spreads: nearer to the centre a scale is all but straight, farther out it grows like a
logarithm. Scores, counts and laboratory results have long tails on one side or both; unbent, they
decide every squared error, and no Gaussian model fits them. Our choice."""

LARGEST: Final = 6.0
"""A result further than this from the centre, in spreads, counts as this far: results of unknown
codes have outliers that no model explains."""

_NODES, _MASSES = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS: Final = _MASSES / _MASSES.sum()

_LEAST_SHARE: Final = 1e-3
"""A result below this share of the centre has no useful logarithm, and counts as this share."""


@dataclass(frozen=True)
class Scale:
    """y = BEND asinh(x / BEND) of x = (ln value - ln centre) / spread when ``logarithmic``, else of
    x = (value - centre) / spread (Burbidge, Magee and Robb, JASA 1988;83:123).

    ``centre`` in the code's unit, above 0 when logarithmic; ``spread`` above 0, in the unit, or of
    ln(value). ``own``: the share of the spread that is between results; the rest is that nobody is
    sure where the centre lies. Raises ValueError.
    """

    logarithmic: bool
    centre: float
    spread: float
    own: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.centre) and math.isfinite(self.spread) and self.spread > 0):
            raise ValueError("a scale needs a finite centre and a spread above 0")
        if self.logarithmic and self.centre <= 0:
            raise ValueError("a logarithmic scale needs a centre above 0")
        if not 0 < self.own <= 1:
            raise ValueError("results have a share above 0 of their scale's spread, and 1 at most")


class Scales:
    """Scales by channel, applied to arrays and tensors alike."""

    def __init__(self, scales: Sequence[Scale]) -> None:
        if not scales:
            raise ValueError("a model needs at least one scale")
        self.each = tuple(scales)
        self._log = np.array([one.logarithmic for one in scales])
        self._centre = np.array(
            [math.log(one.centre) if one.logarithmic else one.centre for one in scales]
        )
        self._least = np.array(
            [_LEAST_SHARE * one.centre if one.logarithmic else 1.0 for one in scales]
        )
        self._spread = np.array([one.spread for one in scales])
        self.own = np.array([one.own for one in scales])

    def __len__(self) -> int:
        return len(self.each)

    def scaled(self, channel: IntArray, value: FloatArray) -> FloatArray:
        """y, float64 of the arrays' shape, that of LARGEST at most; NaN stays NaN."""
        return np.asarray(BEND * np.arcsinh(self.spreads(channel, value) / BEND))

    def spreads(self, channel: IntArray, value: FloatArray) -> FloatArray:
        """x, float64 of the arrays' shape, within LARGEST of 0; NaN stays NaN."""
        with np.errstate(invalid="ignore"):
            logs = np.log(np.maximum(value, self._least[channel]))
        plain = np.where(self._log[channel], logs, value)
        found = (plain - self._centre[channel]) / self._spread[channel]
        return np.asarray(np.clip(found, -LARGEST, LARGEST), dtype=np.float64)

    def scaled_tensor(self, channel: Tensor, value: Tensor) -> Tensor:
        """`scaled` of tensors."""
        return torch.tensor(self.scaled(channel.numpy(), value.numpy()))

    def moments(
        self, channel: IntArray, mean: FloatArray, variance: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Mean and variance of the value, then of its logarithm, from those of the scaled value.

        By quadrature (Gauss and Hermite's), within LARGEST of the centre. Moments of the logarithm
        of a channel that is not logarithmic are the delta method's, NaN where the mean is not above
        0.
        """
        y = mean[..., None] + np.sqrt(variance)[..., None] * _NODES
        plain = self._plain(channel[..., None], y)
        log = self._log[channel]
        value = self._value(channel[..., None], plain)
        found, middle = value @ _WEIGHTS, plain @ _WEIGHTS
        width = ((value - found[..., None]) ** 2) @ _WEIGHTS
        positive = np.where(found > 0, found, np.nan)
        with np.errstate(invalid="ignore"):
            log_mean = np.where(log, middle, np.log(positive))
            log_width = ((plain - middle[..., None]) ** 2) @ _WEIGHTS
            log_variance = np.where(log, log_width, width / positive**2)
        return found, width, log_mean, log_variance

    def value(self, channel: IntArray, scaled: FloatArray) -> FloatArray:
        """The value that lies at a scaled one: the median of what is expected there."""
        return self._value(channel, self._plain(channel, scaled))

    def _plain(self, channel: IntArray, scaled: FloatArray) -> FloatArray:
        """The value at a scaled one, or its logarithm where the scale is logarithmic."""
        most = math.asinh(LARGEST / BEND)
        x = BEND * np.sinh(np.clip(scaled / BEND, -most, most))
        return np.asarray(self._centre[channel] + self._spread[channel] * x, dtype=np.float64)

    def _value(self, channel: IntArray, plain: FloatArray) -> FloatArray:
        log = self._log[channel]
        return np.where(log, np.exp(np.where(log, plain, 0.0)), plain)
