"""Models of which each row follows two of a patient's parameters, in a straight line."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@runtime_checkable
class LevelAndTrend(Protocol):
    """What a `TwinModel` may offer beside, so that squared errors need no differentiation.

    Its parameters are the levels of all C channels, then their trends: a row of channel c at time t
    is expected to be ``level_c + trend_c * trend_at(t)``, whatever is known.
    """

    def trend_at(self, times: FloatArray) -> FloatArray:
        """What a trend of 1 adds at these times (years): float64 of the same shape."""
        ...
