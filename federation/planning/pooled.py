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

from audit.checkpoint import Checkpoint, initial
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
    start = initial(model.initial_prior(), model.prior_layout, model.name)
    return descend(
        lambda prior: meta_gradients(model, prior, patients, recipe.support_visits),
        start,
        recipe,
        rounds,
        clip_norm,
        noise_sd,
        generator,
        progress,
    )


def descend(
    directions: Callable[[FloatArray], FloatArray],
    start: Checkpoint,
    recipe: Recipe,
    rounds: int,
    clip_norm: float,
    noise_sd: float,
    generator: np.random.Generator,
    progress: Callable[[], None] | None = None,
) -> FloatArray:
    """What is learned after ``rounds``, float64 [D], whatever it is.

    ``directions``: from what is learned so far [D] to each patient's direction of descent
    [patients, D], neither scaled nor clipped. The others as of `train`.
    """
    checkpoint, scale = start, np.array(recipe.gradient_scale)
    for _ in range(rounds):
        rows = directions(checkpoint.prior) * scale
        total = noisy_sum(rows, clip_norm, noise_sd, generator)
        checkpoint = apply_round(checkpoint, total, len(rows), Grid(recipe.size), recipe)
        if progress is not None:
            progress()
    return checkpoint.prior


def noisy_sum(
    rows: FloatArray, clip_norm: float, noise_sd: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The clipped rows' sum with noise, int64 [D] on the grid; ``noise_sd`` in clipping norms."""
    steps = round(clip_norm * 2**FRACTION_BITS)
    total = sum_rows(clip_and_encode(rows, steps, FRACTION_BITS))
    noise = np.rint(generator.standard_normal(rows.shape[1]) * noise_sd * steps)
    return np.asarray(total + noise.astype(np.int64))
