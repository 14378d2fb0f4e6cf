"""A prior as named float64 arrays, and as the one vector that a federation sums and updates."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Layout = tuple[tuple[str, tuple[int, ...]], ...]
Prior = dict[str, FloatArray]


def size_of(layout: Layout) -> int:
    """How many numbers a prior of this layout holds."""
    return sum(prod(shape) for _, shape in layout)


def flatten(prior: Mapping[str, FloatArray], layout: Layout) -> FloatArray:
    """The prior as float64 [D], arrays in the layout's order, each in C order.

    Raises ValueError when a name is missing or unknown, or a shape or dtype differs from the
    layout.
    """
    if set(prior) != {name for name, _ in layout}:
        raise ValueError(f"prior has {sorted(prior)}, layout wants {sorted(n for n, _ in layout)}")
    for name, shape in layout:
        if prior[name].shape != shape or prior[name].dtype != np.float64:
            raise ValueError(f"prior array {name!r} must be float64 of shape {shape}")
    return np.concatenate([prior[name].reshape(-1) for name, _ in layout])


def require_prior_of(model: str, layout: Layout, prior: Mapping[str, FloatArray]) -> None:
    """Raises ValueError unless the prior has the layout of this model and is finite: torch would
    take an array of length 1 for any, and carry what is not finite into every twin.
    """
    try:
        vector = flatten(prior, layout)
    except ValueError as error:
        raise ValueError(f"not a prior of model {model}: {error}") from None
    if not np.isfinite(vector).all():
        raise ValueError(f"a prior of model {model} must be finite")


def unflatten(vector: FloatArray, layout: Layout) -> Prior:
    """The inverse of `flatten`. Raises ValueError when the vector's shape or dtype does not fit."""
    if vector.shape != (size_of(layout),) or vector.dtype != np.float64:
        raise ValueError(f"a prior vector must be float64 of shape ({size_of(layout)},)")
    prior, start = {}, 0
    for name, shape in layout:
        stop = start + prod(shape)
        prior[name] = vector[start:stop].reshape(shape).copy()
        start = stop
    return prior
