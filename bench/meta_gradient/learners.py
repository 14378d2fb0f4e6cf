"""The step of a site, as the product computes it and as its floor would be.

Two learners of the same twin model:

- ``maml``: gradient steps on a patient's own squared error, which `higher` and `torchopt` can
  express; the product's `federation.app.learning.point`;
- ``prior``: the hierarchical prior with Gauss-Newton adaptation, which `higher` can express as
  preconditioned gradient steps; the product's `federation.app.learning.meta_gradient`.

The floor of each is the same vmapped per-patient gradient of the same forecasts without any
adaptation, by torch. ``one forecast`` is stricter: a single forecast, whereas the step makes one a
support count; of the prior, as the product computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, vmap

from audit.codec import clip_and_encode, sum_rows
from federation.app.learning import point
from federation.app.learning.deterministic import deterministic
from federation.app.learning.meta_gradient import meta_gradients
from federation.app.learning.point import PointSettings, Rows, squared_error
from federation.app.learning.recipe import CLIP_NORM
from federation.app.learning.usable import LARGEST
from federation.planning.pooled import FRACTION_BITS
from twin.log_linear import LogLinearModel
from twin.prior import flatten
from twin.series import PatientSeries, stack
from twin.sickle_cell.model import STEPS, SickleCellModel

FloatArray = NDArray[np.float64]
Model = LogLinearModel | SickleCellModel
Rule = Callable[[], FloatArray]
"""Every patient's gradient, float64 [patients, D], not clipped."""

SUPPORT_VISITS = 5
CLIP_STEPS = round(CLIP_NORM * 2**FRACTION_BITS)


@dataclass(frozen=True)
class Step:
    """One learner on one model: ``ours``, the ``floors`` by name, and the number of ``inner``
    steps.
    """

    learner: str
    ours: Rule
    floors: dict[str, Rule]
    inner: int


def clipped_sum(rows: FloatArray) -> NDArray[np.int64]:
    """What a site does next, the same for all: int64 [D]."""
    return sum_rows(clip_and_encode(rows, CLIP_STEPS, FRACTION_BITS))


def start_of(model: Model) -> FloatArray:
    """The prior, a little off the published one, so that no term is zero by chance."""
    prior = flatten(model.initial_prior(), model.prior_layout)
    return np.asarray(prior + 0.1 * np.random.default_rng(0).standard_normal(prior.size))


def point_of(model: Model) -> FloatArray:
    return np.asarray(0.1 * np.random.default_rng(0).standard_normal(len(model.parameter_names)))


def inputs_of(model: Model) -> frozenset[int]:
    return model.inputs if isinstance(model, SickleCellModel) else frozenset()


def usable(model: Model, patients: list[PatientSeries]) -> list[PatientSeries]:
    """Patients with enough visits for every support count, and a result scored in each: MAML's
    peers differ in what they do with none.
    """
    counts = PointSettings().counts
    inputs = list(inputs_of(model))

    def scored(one: PatientSeries) -> bool:
        visits = one.visit[~np.isin(one.channel, inputs)]
        return bool(all((visits < c).any() and (visits >= c).any() for c in counts))

    return [one for one in patients if scored(one)]


def rows_of(model: Model, patients: list[PatientSeries]) -> Rows:
    """Padded to the longest, as `point.updates` takes them."""
    batch = stack(patients)
    channel, seen = torch.tensor(batch.channel), torch.tensor(batch.observed.astype(np.float64))
    scaled = model.scaled(channel, torch.tensor(batch.value))
    assert float(scaled.abs().max()) < LARGEST
    scored = torch.tensor(~np.isin(batch.channel, list(inputs_of(model)))).to(torch.float64)
    return Rows(
        torch.tensor(batch.times),
        channel,
        torch.where(seen > 0, scaled, 0.0),
        torch.tensor(batch.visit),
        seen,
        seen * scored,
    )


def maml_step(model: Model, patients: list[PatientSeries], settings: PointSettings) -> Step:
    rows, theta = rows_of(model, patients), point_of(model)

    def forecast(at: Tensor, own: Rows) -> Tensor:
        errors = [
            squared_error(model, at, own, own.seen * own.first(c), 1 - own.first(c))
            for c in settings.counts
        ]
        return torch.stack(errors).mean()

    def one_forecast(at: Tensor, own: Rows) -> Tensor:
        return squared_error(model, at, own, own.seen, own.seen)

    def plain(loss: Callable[[Tensor, Rows], Tensor]) -> Rule:
        def rule() -> FloatArray:
            with deterministic():
                found = vmap(grad(loss), in_dims=(None, 0))(torch.tensor(theta), rows)
            return np.asarray(found.numpy())

        return rule

    return Step(
        "maml",
        lambda: point.updates("maml", model, theta, rows, settings),
        {"floor": plain(forecast), "one forecast": plain(one_forecast)},
        settings.steps,
    )


class _NoAdaptation:
    """The model, whose forecasts are the prior's own whatever the support, differentiated."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def __getattr__(self, name: str) -> object:
        if name == "loss_gradients":
            raise AttributeError(name)
        return getattr(self._model, name)

    def conditional(self, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        return self._model.conditional_within(*arguments, head=0, detail=31)

    def conditional_within(
        self, *arguments: Tensor, head: int, detail: int
    ) -> tuple[Tensor, Tensor]:
        return self._model.conditional_within(*arguments, head=0, detail=detail)

    def detail_of(self, channel: NDArray[np.int64]) -> int:
        return self._model.detail_of(channel)


def prior_step(model: Model, patients: list[PatientSeries]) -> Step:
    theta, still = start_of(model), _NoAdaptation(model)
    return Step(
        "prior",
        lambda: meta_gradients(model, theta, patients, SUPPORT_VISITS),
        {
            "floor": lambda: meta_gradients(still, theta, patients, SUPPORT_VISITS),
            "one forecast": lambda: meta_gradients(model, theta, patients, 0),
        },
        STEPS if isinstance(model, SickleCellModel) else 1,
    )
