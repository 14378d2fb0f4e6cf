"""What a recipe may learn: one protocol for the hierarchical prior, meta-learners and averaging.

Whatever is learned is a vector that every patient contributes to, clipped, summed and noised alike;
only where it starts and what a patient contributes differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from audit.recipe import Recipe
from chain.light_dataclass import light_dataclass
from federation.app.learning.meta_gradient import LEAST_WIDTH, meta_gradients
from federation.app.learning.point import NAMES, PointSettings, Rows, updates
from federation.app.learning.usable import by_width, usable
from twin.prior import Layout, Prior, size_of
from twin.protocol import TwinModel
from twin.series import PatientBatch, PatientSeries

FloatArray = NDArray[np.float64]

PRIOR: Final = "prior"


class Learner(Protocol):
    """See `federation.app.learning.point` for the learners of one point."""

    @property
    def name(self) -> str: ...

    def layout(self, model: TwinModel) -> Layout:
        """Names and shapes of what is learned, D numbers in all."""
        ...

    def start(self, model: TwinModel) -> Prior:
        """Where learning starts: published, nothing private in it."""
        ...

    def scale(self, model: TwinModel) -> FloatArray:
        """float64 [D] > 0: the recipe's `gradient_scale`."""
        ...

    def gradients(
        self,
        model: TwinModel,
        at: FloatArray,
        patients: Sequence[PatientSeries | None],
        recipe: Recipe,
    ) -> FloatArray:
        """Each patient's direction of descent, float64 [patients, D], not clipped.

        A patient who is None or whose record is not usable gives exactly zero, and the bits of one
        patient's row are the same in any company.
        """
        ...


@light_dataclass(frozen=True)
class HierarchicalPrior:
    """Mean, covariance and noise of the twin's parameters (`meta_gradient`)."""

    name: str = PRIOR

    def layout(self, model: TwinModel) -> Layout:
        return model.prior_layout

    def start(self, model: TwinModel) -> Prior:
        return model.initial_prior()

    def scale(self, model: TwinModel) -> FloatArray:
        return model.gradient_scale()

    def gradients(
        self,
        model: TwinModel,
        at: FloatArray,
        patients: Sequence[PatientSeries | None],
        recipe: Recipe,
    ) -> FloatArray:
        return meta_gradients(model, at, patients, recipe.support_visits)


@light_dataclass(frozen=True)
class PointLearner:
    """One point in the twin's parameter space; adaptation is `adaptation_steps` gradient steps of
    `adaptation_rate`, in supports of 1 to `support_visits` visits.
    """

    name: str

    def layout(self, model: TwinModel) -> Layout:
        return (("parameters", (len(model.parameter_names),)),)

    def start(self, model: TwinModel) -> Prior:
        return {"parameters": np.zeros(len(model.parameter_names))}

    def scale(self, model: TwinModel) -> FloatArray:
        return np.ones(len(model.parameter_names))

    def gradients(
        self,
        model: TwinModel,
        at: FloatArray,
        patients: Sequence[PatientSeries | None],
        recipe: Recipe,
    ) -> FloatArray:
        if at.shape != (size_of(self.layout(model)),) or not np.isfinite(at).all():
            raise ValueError(f"what {self.name} learns must be finite and of the model's size")
        settings = PointSettings(
            steps=recipe.adaptation_steps,
            rate=recipe.adaptation_rate,
            counts=tuple(range(1, recipe.support_visits + 1)),
        )
        found = np.zeros((len(patients), at.size))
        for members, batch in by_width(patients, LEAST_WIDTH):
            found[members] = updates(self.name, model, at, _rows(model, batch), settings)
        return found


LEARNERS: Final[dict[str, Learner]] = {
    PRIOR: HierarchicalPrior(),
    **{name: PointLearner(name) for name in NAMES},
}


def learner_named(name: str) -> Learner:
    """The learner that a recipe names.

    Raises:
        ValueError: no learner of this release has that name.
    """
    try:
        return LEARNERS[name]
    except KeyError:
        raise ValueError(
            f"unknown learner {name!r}; this release has {', '.join(LEARNERS)}"
        ) from None


def _rows(model: TwinModel, batch: PatientBatch) -> Rows:
    found = usable(model, batch)
    inputs: frozenset[int] = getattr(model, "inputs", frozenset())
    result = ~np.isin(found.channel, sorted(inputs))
    return Rows(
        torch.tensor(found.times),
        torch.tensor(found.channel),
        torch.tensor(found.scaled),
        torch.tensor(batch.visit),
        torch.tensor(found.seen.astype(np.float64)),
        torch.tensor((found.seen & result).astype(np.float64)),
    )
