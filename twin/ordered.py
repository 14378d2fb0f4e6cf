"""Sums whose bits depend on nothing but their parts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def in_order(parts: Iterable[FloatArray], nothing: FloatArray | None = None) -> FloatArray:
    """The sum over the first axis in its order, whatever the shape, as NumPy's own is not.

    ``nothing``: what no parts add up to. Raises ValueError when there are none and it is left out.
    """
    total = None
    for part in parts:
        if total is None:
            total = part.copy()
        else:
            total += part
    if total is None:
        if nothing is None:
            raise ValueError("a sum of no parts has no shape")
        return nothing
    return total
