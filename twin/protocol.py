"""The seam between patient models and everything that learns, adapts, predicts or simulates with
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twin.prior import Layout, Prior
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Channel:
    """One thing that a model observes: a LOINC code, and the UCUM unit its values must be in."""

    name: str
    loinc: str
    unit: str
    display: str


@dataclass(frozen=True, eq=False)
class Twin:
    """One patient's model after adaptation, in the model's own parameter units.

    ``mean`` float64 [P]; ``covariance`` float64 [P, P], symmetric positive definite; ``noise``
    float64 [channels], the SD of one observation around the twin's trajectory, on the model's
    scaled log scale.
    """

    mean: FloatArray
    covariance: FloatArray
    noise: FloatArray


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a twin expects of new observations, noise included; every array float64 [n].

    ``log_mean`` and ``log_variance`` are the moments of the natural logarithm of the value in its
    canonical unit; ``mean`` (canonical unit) and ``variance`` (its square) are those of the value
    itself.
    """

    mean: FloatArray
    variance: FloatArray
    log_mean: FloatArray
    log_variance: FloatArray


class TwinModel(Protocol):
    """A patient model whose prior can be learned through its adaptation.

    `conditional` is the differentiable part: it is written for ONE patient, in torch float64,
    without branches on values, so that `torch.func` can differentiate and vmap it. The other
    methods are its NumPy face.
    """

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> tuple[Channel, ...]: ...

    @property
    def parameter_names(self) -> tuple[str, ...]: ...

    @property
    def prior_layout(self) -> Layout: ...

    def initial_prior(self) -> Prior:
        """The published starting point; nothing private in it."""
        ...

    def gradient_scale(self) -> FloatArray:
        """float64 [D] > 0: what each coordinate of a meta-gradient is multiplied by before
        clipping.
        """
        ...

    def scaled(self, channel: Tensor, value: Tensor) -> Tensor:
        """Observations [n] on the scaled log scale on which the model is fitted."""
        ...

    def conditional(
        self,
        prior: Mapping[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        support: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Adapt to the rows whose ``support`` weight is 1; predict every row.

        times float64 [n], channel int64 [n], scaled float64 [n], support float64 [n] of 0 and 1.
        Returns the predictive mean and variance (noise included), float64 [n], on the scaled log
        scale.
        """
        ...

    def trajectory(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor
    ) -> Callable[[Tensor], Tensor]:
        """From parameters [P] to what each row is expected to be, [n] on the scaled log scale.

        Arguments as of `conditional`; ``known`` is 1 on rows whose values may be used as inputs.
        """
        ...

    def adapt(self, prior: Prior, observations: PatientSeries) -> Twin: ...

    def predict(self, twin: Twin, times: FloatArray, channel: IntArray) -> Prediction: ...

    def simulate(
        self,
        twin: Twin,
        times: FloatArray,
        channel: IntArray,
        generator: np.random.Generator,
        draws: int = 1,
    ) -> FloatArray:
        """Draw futures, float64 [draws, n] in canonical units: parameters from the twin, then
        noise.
        """
        ...


def tensors(prior: Prior) -> dict[str, Tensor]:
    """The prior as torch float64 tensors that share no memory with it."""
    return {name: torch.tensor(array, dtype=torch.float64) for name, array in prior.items()}
