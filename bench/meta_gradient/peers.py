"""MAML's steps as most code writes them: a loop over patients, none padded to another's length.
The loss is the very function that the product's step differentiates.

`higher` (0.2.1) and `torchopt` are used as in their own MAML examples: one task at a time, one
functional copy of the module or the parameters for each, gradients through it by autograd.
"""

from __future__ import annotations

from collections.abc import Callable

import higher
import numpy as np
import torch
import torchopt
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import grad, vmap

from bench.meta_gradient.learners import Model, rows_of
from federation.app.learning.point import PointSettings, Rows, squared_error
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]
Errors = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
"""A patient's squared error at parameters [P]: of the support, and of what is later."""


class Tasks:
    """Every patient alone, prepared once: preparation is not timed."""

    def __init__(
        self, model: Model, patients: list[PatientSeries], settings: PointSettings
    ) -> None:
        every = (rows_of(model, [one]) for one in patients)
        self._errors = [
            [_errors(model, Rows(*(one[0] for one in rows)), count) for count in settings.counts]
            for rows in every
        ]

    def each(self, gradient: Callable[[Errors], Tensor]) -> FloatArray:
        """The mean over support counts of each patient's gradient, float64 [patients, P]."""
        rows = [
            torch.stack([gradient(errors) for errors in of_counts]).mean(0)
            for of_counts in self._errors
        ]
        return np.asarray(torch.stack(rows).numpy())


def _errors(model: Model, rows: Rows, count: int) -> Errors:
    first = rows.first(count)
    known = rows.seen * first
    return (
        lambda z: squared_error(model, z, rows, known, first),
        lambda z: squared_error(model, z, rows, known, 1 - first),
    )


def maml_loop(tasks: Tasks, theta: FloatArray, settings: PointSettings) -> FloatArray:
    """torch.autograd and a loop."""

    def gradient(errors: Errors) -> Tensor:
        support, later = errors
        start = torch.tensor(theta, requires_grad=True)
        z = start
        for _ in range(settings.steps):
            (slope,) = torch.autograd.grad(support(z), z, create_graph=True)
            z = z - settings.rate * slope
        return torch.autograd.grad(later(z), start)[0]

    return tasks.each(gradient)


class _Point(nn.Module):
    def __init__(self, theta: FloatArray) -> None:
        super().__init__()
        self.z = nn.Parameter(torch.tensor(theta))

    def forward(self, error: Callable[[Tensor], Tensor]) -> Tensor:
        return error(self.z)


def maml_higher(tasks: Tasks, theta: FloatArray, settings: PointSettings) -> FloatArray:
    module = _Point(theta)
    optimiser = torch.optim.SGD(module.parameters(), lr=settings.rate)

    def gradient(errors: Errors) -> Tensor:
        support, later = errors
        with higher.innerloop_ctx(module, optimiser, copy_initial_weights=False) as (copy, inner):
            for _ in range(settings.steps):
                inner.step(copy(support))
            return torch.autograd.grad(copy(later), module.z)[0]

    return tasks.each(gradient)


def maml_torchopt(tasks: Tasks, theta: FloatArray, settings: PointSettings) -> FloatArray:
    """Its functional optimiser, a task at a time."""
    optimiser = torchopt.sgd(lr=settings.rate)

    def gradient(errors: Errors) -> Tensor:
        support, later = errors
        start = torch.tensor(theta, requires_grad=True)
        z = start
        state = optimiser.init((z,))
        for _ in range(settings.steps):
            slopes = torch.autograd.grad(support(z), (z,), create_graph=True)
            updates, state = optimiser.update(slopes, state, inplace=False)
            (z,) = torchopt.apply_updates((z,), updates, inplace=False)
        return torch.autograd.grad(later(z), start)[0]

    return tasks.each(gradient)


def maml_torchopt_vmapped(
    model: Model, patients: list[PatientSeries], theta: FloatArray, settings: PointSettings
) -> Callable[[], FloatArray]:
    """Its functional optimiser under `torch.func.vmap`, which is not in its examples."""
    rows, optimiser = rows_of(model, patients), torchopt.sgd(lr=settings.rate)

    def through(start: Tensor, own: Rows, count: int) -> Tensor:
        first, z = own.first(count), start
        known = own.seen * first
        state = optimiser.init((z,))
        for _ in range(settings.steps):
            slope = grad(lambda at: squared_error(model, at, own, known, first))
            updates, state = optimiser.update((slope(z),), state, inplace=False)
            (z,) = torchopt.apply_updates((z,), updates, inplace=False)
        return squared_error(model, z, own, known, 1 - first)

    def mean(start: Tensor, own: Rows) -> Tensor:
        return torch.stack([through(start, own, count) for count in settings.counts]).mean()

    def rule() -> FloatArray:
        found = vmap(grad(mean), in_dims=(None, 0))(torch.tensor(theta), rows)
        return np.asarray(found.numpy())

    return rule
