"""An adaptation that computes no more rows than it can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

IntArray = NDArray[np.int64]


@runtime_checkable
class AdaptsWithin(Protocol):
    """What a `TwinModel` may offer beside, so that a meta-gradient costs less: adaptation that only
    computes the rows it can read.
    """

    def detail_of(self, channel: IntArray) -> int:
        """How much room the model needs for rows with these channels, int64 [n]: any number that
        says so to `conditional_within`, out of few, and no smaller for more rows.
        """
        ...

    def conditional_within(
        self,
        prior: Mapping[str, Tensor],
        times: Tensor,
        channel: Tensor,
        scaled: Tensor,
        support: Tensor,
        *,
        head: int,
        detail: int,
    ) -> tuple[Tensor, Tensor]:
        """`TwinModel.conditional` when no row from ``head`` on has support, and ``detail`` is that
        of the rows before. Without a head the prior itself predicts.
        """
        ...
