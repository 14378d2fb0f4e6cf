"""How a sum of contributions becomes the next checkpoint; the coordinator, the gate and the
verifier all call it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audit.checkpoint import Checkpoint
from audit.codec import WordArray, add_words, unwrap
from audit.errors import CheckpointInvalid, UpdateRefused
from audit.recipe import Recipe


class GridTerms(Protocol):
    """The part of `chain.messages.Terms` that the update depends on."""

    @property
    def vector_length(self) -> int: ...

    @property
    def fraction_bits(self) -> int: ...


def unmask_sum(masked: Iterable[WordArray]) -> NDArray[np.int64]:
    """The signed sum of the members' vectors: pairwise masks cancel modulo 2^64. uint64 [D] each,
    to int64 [D], one in memory at a time.
    """
    return unwrap(add_words(masked))


def apply_round(
    base: Checkpoint, total: NDArray[np.int64], count: int, terms: GridTerms, recipe: Recipe
) -> Checkpoint:
    """The checkpoint after a round: one Adam step (Kingma & Ba 2015, algorithm 1) on the mean
    gradient.

    ``total`` int64 [D] is the sum in grid steps of 2^-fraction_bits, ``count`` the size of the
    sealed cohorts together. g = total * 2^-fraction_bits / count; m = beta1 m + (1 - beta1) g; v =
    beta2 v + (1 - beta2) g g; the powers of beta are running products; prior = prior -
    learning_rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).

    Only elementwise float64 + - * / and sqrt, each correctly rounded (IEEE 754), in the order
    written, and int64 to float64 rounds to nearest, ties to even: the same bytes on any machine.
    Raises UpdateRefused when the parts do not fit together or the result is not finite.
    """
    if base.layout != recipe.layout or base.model != recipe.model:
        raise UpdateRefused("the base checkpoint's model or layout is not the recipe's")
    if (
        total.dtype != np.int64
        or total.shape != (recipe.size,)
        or terms.vector_length != recipe.size
    ):
        raise UpdateRefused(
            f"the sum is {total.dtype} {total.shape}, the terms want {terms.vector_length} numbers,"
            f" the recipe {recipe.size}"
        )
    if not 1 <= count < 2**53:
        raise UpdateRefused(f"a cohort of {count} has no mean")
    _require_subnormal_numbers()
    gradient = total.astype(np.float64)
    gradient *= 2.0**-terms.fraction_bits
    gradient /= np.float64(count)
    # each array is used again when its number is spent: clearing new memory takes most of the time
    first = recipe.beta1 * base.first_moment
    second = (1.0 - recipe.beta1) * gradient
    first += second
    np.multiply(1.0 - recipe.beta2, gradient, out=second)
    second *= gradient
    second += np.multiply(recipe.beta2, base.second_moment, out=gradient)
    power1 = base.beta1_power * recipe.beta1
    power2 = base.beta2_power * recipe.beta2
    with np.errstate(all="ignore"):  # whatever is not finite is refused below
        step = np.divide(first, 1.0 - power1, out=gradient)
        step *= recipe.rates
        scale = second / (1.0 - power2)
        np.sqrt(scale, out=scale)
        scale += recipe.adam_epsilon
        step /= scale
        prior = np.subtract(base.prior, step, out=step)
    try:
        return Checkpoint(
            prior, first, second, power1, power2, base.step + 1, base.layout, base.model
        )
    except CheckpointInvalid as error:
        raise UpdateRefused(f"the round's update cannot be a checkpoint: {error}") from error


def _require_subnormal_numbers() -> None:
    """Some numerical libraries set the processor to flush subnormal numbers to zero, which changes
    results.
    """
    smallest = np.array([np.finfo(np.float64).smallest_normal])
    if (smallest * 0.5)[0] == 0.0:
        raise UpdateRefused(
            "this process flushes subnormal numbers to zero;"
            " turn that off (torch.set_flush_denormal(False), for one)"
        )
