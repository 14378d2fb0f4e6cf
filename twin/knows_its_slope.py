"""A model that knows its own derivative in a patient's parameters."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from twin.gauss_newton import Line, Model

IntArray = NDArray[np.int64]


@runtime_checkable
class KnowsItsSlope(Protocol):
    """What a `TwinModel` may offer beside, so that descending a squared error needs no
    differentiation, and going back through the descent only one of first order.
    """

    def detail_of(self, channel: IntArray) -> int:
        """See `twin.adapts_within.AdaptsWithin`."""
        ...

    def line_within(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor, *, detail: int
    ) -> Line:
        """`TwinModel.trajectory` with its derivative; ``detail`` is that of the known rows."""
        ...

    def trajectory_within(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor, *, detail: int
    ) -> Model:
        """`TwinModel.trajectory`; ``detail`` is that of the known rows."""
        ...
