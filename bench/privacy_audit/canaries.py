"""Records made to be found: the worst that the claim has to cover."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import hadamard

from bench.privacy_audit.mechanism import Mechanism
from twin.log_linear import LogLinearModel
from twin.series import PatientSeries

LONGER = 10.0
"""How many times C a gradient canary is long before clipping, so that clipping has work to do."""


def one_gradient(mechanism: Mechanism) -> Callable[[int], np.ndarray]:
    """A single canary: a gradient LONGER times C long, in no special direction."""
    direction = np.random.default_rng(7).standard_normal(mechanism.recipe.size)
    direction /= np.linalg.norm(direction)
    row = LONGER * mechanism.clip_norm * direction
    return lambda place: row[None, :]


def orthogonal_gradients(mechanism: Mechanism, attempts: int) -> Callable[[int], np.ndarray]:
    """D x ``attempts`` canaries, orthogonal over the run as a whole, each of full norm each time.

    Canary (d, s) has all its gradient in coordinate d, with the signs of row s of a Hadamard
    matrix over the attempts, whose number must be a power of two.
    """
    size, signs = mechanism.recipe.size, hadamard(attempts)
    rows = LONGER * mechanism.clip_norm * np.eye(size)
    return lambda place: np.concatenate([signs[s, place] * rows for s in range(attempts)])


def extreme_record(model: LogLinearModel) -> PatientSeries:
    """A patient whose labs start a hundred times above the usual and fall a thousandfold in a year.

    Its gradient is far longer than C at the published prior, and stays so in training.
    """
    labs = len(model.channels)
    years = np.array([0.0, 0.5, 1.0])
    usual = np.array([lab.centre for lab in model.labs])
    course = np.array([100.0, 3.0, 0.1])
    times, channel = np.repeat(years, labs), np.tile(np.arange(labs), len(years))
    return PatientSeries(times, channel, np.outer(course, usual).ravel())
