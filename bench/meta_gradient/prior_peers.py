"""The hierarchical prior's step as most code would write it: a patient and a support count at a
time, gradients through the adaptation by autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import higher
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.meta_gradient.learners import SUPPORT_VISITS, Model, inputs_of
from federation.app.learning.meta_gradient import unflatten_tensor
from twin import gauss_newton
from twin.gauss_newton import LONGEST_STEP, Line
from twin.gaussian import Posterior
from twin.series import PatientSeries
from twin.sickle_cell.model import STEPS, SickleCellModel

FloatArray = NDArray[np.float64]
Forecast = Callable[[dict[str, Tensor], Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""`TwinModel.conditional`."""


def prior_loop(model: Model, patients: list[PatientSeries], theta: FloatArray) -> FloatArray:
    """The same closed form (or the same Gauss-Newton steps), torch.autograd through it."""
    return _gradients(model, patients, theta, model.conditional)


def prior_higher(model: Model, patients: list[PatientSeries], theta: FloatArray) -> FloatArray:
    """Gauss-Newton as `higher` can express it: its differentiable SGD of rate 1 on the negative log
    posterior, with gradients multiplied by the inverse of Gauss-Newton's matrix.
    """
    module = _Point(len(model.parameter_names))
    optimiser = torch.optim.SGD(module.parameters(), lr=1.0)

    def conditional(
        named: dict[str, Tensor], times: Tensor, channel: Tensor, scaled: Tensor, support: Tensor
    ) -> tuple[Tensor, Tensor]:
        line, steps = _line(model, times, channel, scaled, support)
        mu, factor, noise = named["mean"], model._factor(named), _noise(model, named, channel)
        is_input = torch.isin(channel, torch.tensor(sorted(inputs_of(model)), dtype=torch.int64))
        weight = torch.where(is_input, 0.0, support) / noise**2
        lower = torch.eye(len(mu), dtype=torch.float64)
        if support.any():
            with higher.innerloop_ctx(module, optimiser, copy_initial_weights=True) as (w, inner):
                for _ in range(steps):
                    expected, slope = line(mu + factor @ w())
                    projected = slope @ factor
                    matrix = torch.eye(len(mu)) + projected.T @ (weight.unsqueeze(-1) * projected)
                    lower = torch.linalg.cholesky(matrix)
                    inner.step(
                        ((w() ** 2).sum() + (weight * (scaled - expected) ** 2).sum()) / 2,
                        grad_callback=lambda grads, by=lower: [_cut(grads[0], by, factor, steps)],
                    )
                z = mu + factor @ w()
        else:
            z = mu
        half = torch.linalg.solve_triangular(lower, factor.T, upper=False)
        mean, variance = gauss_newton.predict(line, Posterior(z, half.T), noise)
        return torch.where(is_input, scaled, mean), variance

    return _gradients(model, patients, theta, conditional)


class _Point(nn.Module):
    """A patient's parameters in prior SDs from the prior's mean, where adaptation starts."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(size, dtype=torch.float64))

    def forward(self) -> Tensor:
        return self.w


def _cut(gradient: Tensor, lower: Tensor, factor: Tensor, steps: int) -> Tensor:
    """The step to take, as long as `gauss_newton.adapt` lets it be where there are several."""
    move = torch.cholesky_solve(gradient.unsqueeze(-1), lower).squeeze(-1)
    if steps == 1:
        return move
    length = torch.sqrt(((factor @ move) ** 2).sum() + 1e-24)
    return move * (LONGEST_STEP / torch.clamp(length, min=LONGEST_STEP))


def _line(model: Model, *rows: Tensor) -> tuple[Line, int]:
    """The model's own derivative, and how many steps it takes."""
    if isinstance(model, SickleCellModel):
        detail = model.detail_of(rows[1].numpy())
        return model.line_within(*rows, detail=detail), STEPS
    design = model._design(*rows[:2])
    return lambda z: (design @ z, design), 1


def _noise(model: Model, named: dict[str, Tensor], channel: Tensor) -> Tensor:
    if isinstance(model, SickleCellModel):
        return model._noise(named, channel)
    return torch.exp(named["log_noise"])[channel]


def _gradients(
    model: Model, patients: list[PatientSeries], theta: FloatArray, conditional: Forecast
) -> FloatArray:
    rows = []
    for one in patients:
        start = torch.tensor(theta, requires_grad=True)
        named = unflatten_tensor(start, model.prior_layout)
        channel, times = torch.tensor(one.channel), torch.tensor(one.times)
        scaled = model.scaled(channel, torch.tensor(one.value))
        losses = []
        for count in range(min(SUPPORT_VISITS, int(one.visit.max(initial=-1))) + 1):
            first = torch.tensor((one.visit < count).astype(float))
            mean, variance = conditional(named, times, channel, scaled, first)
            density = torch.log(2 * math.pi * variance) + (scaled - mean) ** 2 / variance
            losses.append(0.5 * density[first == 0].mean())
        loss = torch.stack(losses).mean()
        rows.append(torch.autograd.grad(loss, start)[0])
    return np.asarray(torch.stack(rows).numpy())
