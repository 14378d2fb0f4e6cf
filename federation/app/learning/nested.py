"""Meta-gradients of a model that adapts to growing supports all at once.

The same loss as in `meta_gradient`, for supports that are the first 0, 1, 2, 4, ... rows: where one
factor serves all of them (`TrajectoryModel.conditional_on_first`) a gradient costs one adaptation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, vmap

from federation.app.learning.meta_gradient import unflatten_tensor
from federation.app.learning.point import Rows, by_chunk
from federation.app.learning.usable import LEAST_WEIGHT
from twin.prior import Layout, Prior

FloatArray = NDArray[np.float64]

FIRST: Final = (0, 1, 2, 4, 8, 16, 32)
"""Numbers of first rows that are adapted to, while any row is left to forecast."""


class Nested(Protocol):
    """What is needed of a model."""

    @property
    def prior_layout(self) -> Layout: ...

    def conditional_on_first(
        self,
        prior: dict[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        seen: Tensor,
        first: Tensor,
    ) -> tuple[Tensor, Tensor]: ...

    def initial_prior(self) -> Prior: ...


def nested_gradients(
    model: Nested, prior: FloatArray, rows: Rows, first: Sequence[int] = FIRST
) -> FloatArray:
    """One meta-gradient a patient, float64 [patients, D], not clipped.

    ``rows``: tensors [patients, n], padding last; `Rows.weight` is what a row counts in the mean
    negative log predictive density. A patient whose gradient is not finite gives zero.
    """
    theta = torch.tensor(prior, dtype=torch.float64)
    counts = torch.tensor(list(first))
    place = torch.arange(rows.times.shape[1])

    def loss(at: Tensor, own: Rows) -> Tensor:
        named = unflatten_tensor(at, model.prior_layout)
        mean, variance = model.conditional_on_first(
            named, own.times, own.channel, own.scaled, own.seen, counts
        )
        density = 0.5 * (torch.log(2 * math.pi * variance) + (own.scaled - mean) ** 2 / variance)
        weight = own.weight * (place >= counts.unsqueeze(-1))
        total = weight.sum(-1)
        usable = (total > 0).to(torch.float64)
        each = (density * weight).sum(-1) / torch.clamp(total, min=LEAST_WEIGHT)
        return (each * usable).sum() / torch.clamp(usable.sum(), min=1.0)

    gradient = vmap(grad(loss), in_dims=(None, 0))
    gradients = by_chunk(lambda chunk: gradient(theta, chunk), rows, prior.size)
    gradients[~np.isfinite(gradients).all(axis=1)] = 0.0
    return np.asarray(gradients + 0.0, dtype=np.float64)
