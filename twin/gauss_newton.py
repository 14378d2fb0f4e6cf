"""Adaptation of a model that is not linear in its parameters, by Gauss-Newton steps, for one
patient.

Each step linearises the model where it stands and takes `twin.gaussian.adapt` of that line (Bell
and Cathey, IEEE Trans Automat Contr 1993;38:294-297: the iterated Kalman filter is Gauss-Newton).
Written in torch float64 without branches on values, so that `torch.func` can differentiate through
the steps and vmap them. The posterior is Gaussian around the last point: Laplace's approximation
with Gauss-Newton's curvature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.func import jacfwd

from twin import gaussian
from twin.gaussian import Posterior, filled

LONGEST_STEP: Final = 4.0
"""Norm that one step is cut to, in parameter units of about one prior SD: a step from far away
trusts its line too far.
"""

Model = Callable[[Tensor], Tensor]
"""Parameters [P] to the predictions of all rows [n]."""

Line = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Parameters [P] to the predictions of all rows [n] and their derivative [n, P] there."""


def line_of(model: Model) -> Line:
    """The derivative by forward differentiation; a model that knows its own gives its own line."""

    def line(z: Tensor) -> tuple[Tensor, Tensor]:
        return linearised(model, z)

    return line


def adapt(
    line: Line,
    mu: Tensor,
    factor: Tensor,
    noise: Tensor,
    y: Tensor,
    support: Tensor,
    steps: int,
) -> Posterior:
    """The posterior after this many steps from the prior mean; arguments as `gaussian.adapt`."""
    size, mu, factor = mu.shape[-1], filled(mu), filled(factor, 2)
    z, found = mu, Posterior(mu, factor)
    for _ in range(steps):
        expected, slope = line(z[:size])
        slope = filled(slope)
        found = gaussian.adapt(mu, factor, slope, noise, y - expected + slope @ z, support)
        move = found.mean - z
        length = torch.sqrt((move**2).sum() + 1e-24)
        z = z + move * (LONGEST_STEP / torch.clamp(length, min=LONGEST_STEP))
    return Posterior(z[:size], found.factor[:size, :size])


def predict(line: Line, posterior: Posterior, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Predictive mean and variance [n], noise included: the delta method around the mean."""
    expected, slope = line(posterior.mean)
    spread = filled(slope) @ filled(posterior.factor, 2)
    return expected, (spread * spread).sum(-1) + noise**2


def linearised(model: Model, z: Tensor) -> tuple[Tensor, Tensor]:
    """The model's value [n] and its derivative [n, P] at z."""

    def twice(point: Tensor) -> tuple[Tensor, Tensor]:
        value = model(point)
        return value, value

    slope, value = jacfwd(twice, has_aux=True)(z)
    return value, slope
