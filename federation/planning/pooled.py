"""The DP meta-learner with every site's patients in one place.

The same gradients, clipping, grid and update as in the federation; the noise comes from NumPy, not
from keyed streams, so that a seed repeats a run: fit for public and synthetic data alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from audit.checkpoint import initial
from audit.codec import clip_and_encode, sum_rows
from audit.recipe import Recipe
from audit.update import apply_round
from federation.app.learning.meta_gradient import meta_gradients
from twin.protocol import TwinModel
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]

FRACTION_BITS: Final = 24


@dataclass(frozen=True)
class Grid:
    """What `audit.update.apply_round` reads of a study's terms."""

    vector_length: int
    fraction_bits: int = FRACTION_BITS


def train(
    model: TwinModel,
    patients: Sequence[PatientSeries],
    recipe: Recipe,
    rounds: int,
    clip_norm: float,
    noise_sd: float,
    generator: np.random.Generator,
    progress: Callable[[], None] | None = None,
) -> FloatArray:
    """The prior after ``rounds``, float64 [D].

    ``noise_sd``: SD of the noise on a round's sum of clipped gradients, in units of ``clip_norm``.
    ``progress`` is called after each round.
    """
    checkpoint = initial(model.initial_prior(), model.prior_layout, model.name)
    scale = np.array(recipe.gradient_scale)
    steps = round(clip_norm * 2**FRACTION_BITS)
    for _ in range(rounds):
        rows = meta_gradients(model, checkpoint.prior, patients, recipe.support_visits) * scale
        total = sum_rows(clip_and_encode(rows, steps, FRACTION_BITS))
        noise = np.rint(generator.standard_normal(recipe.size) * noise_sd * steps)
        total = total + noise.astype(np.int64)
        checkpoint = apply_round(checkpoint, total, len(patients), Grid(recipe.size), recipe)
        if progress is not None:
            progress()
    return checkpoint.prior
