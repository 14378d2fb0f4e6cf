"""What private learning may spend, and the constants of its descent; `federation.planning.pooled`
has the rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.checkpoint import initial
from audit.privacy import epsilon_canonne_kamath_steinke
from audit.recipe import Recipe
from federation.planning.pooled import descend
from twin.prior import Layout, unflatten

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """What all rounds together may spend, and who adds the noise.

    ``sites``, of whom ``colluders`` may tell their noise without the rest becoming less than the
    stated: so the sum holds more.
    """

    epsilon: float
    delta: float
    sites: int
    colluders: int

    @property
    def rho(self) -> float:
        """zCDP rho of all rounds: the largest whose epsilon is the budget's (`audit.privacy`)."""
        low, high = 0.0, self.epsilon
        for _ in range(100):
            middle = (low + high) / 2
            if epsilon_canonne_kamath_steinke(middle, self.delta) <= self.epsilon:
                low = middle
            else:
                high = middle
        return low

    def noise_multiplier(self, rounds: int, share: float = 1.0) -> float:
        """sigma of each of so many rounds that together spend this share: rho = 1 / (2 sigma^2) a
        round.
        """
        return math.sqrt(rounds / (2 * share * self.rho))

    def noise_sd(self, rounds: int, share: float = 1.0) -> float:
        """SD of the noise on a round's sum, in clipping norms, every site having added its part; 0
        without privacy, which is an infinite epsilon.
        """
        if math.isinf(self.epsilon):
            return 0.0
        added = math.sqrt(self.sites / (self.sites - self.colluders))
        return self.noise_multiplier(rounds, share) * added


@dataclass(frozen=True)
class Descent:
    """The constants of private learning (Adam: Kingma and Ba 2015), chosen on made-up cohorts.

    Adam's steps are as long where a gradient is nothing but noise as where it is large. What it
    adds to its denominator therefore grows by ``noise_weight`` standard deviations of the noise on
    the mean gradient, which is public: numbers that the noise drowns move little. A prior's means
    move ``mean_rate`` times as fast as its other numbers.
    """

    rounds: int = 8
    clipping_norm: float = 0.25
    learning_rate: float = 0.3
    beta1: float = 0.5
    beta2: float = 0.99
    adam_epsilon: float = 1e-8
    noise_weight: float = 0.0
    mean_rate: float = 1.0

    def rates(self, layout: Layout) -> FloatArray:
        """Of each number of a layout, float64 [D]."""
        times = [
            self.mean_rate if name == "mean" else 1.0
            for name, shape in layout
            for _ in range(math.prod(shape))
        ]
        return self.learning_rate * np.array(times)

    def denominator(self, noise_sd: float, patients: int) -> float:
        """Adam's epsilon; ``noise_sd`` of a sum, in clipping norms."""
        noise = noise_sd * self.clipping_norm / max(patients, 1)
        return self.adam_epsilon + self.noise_weight * noise


def learn(
    updates: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    layout: Layout,
    gradient_scale: FloatArray,
    step_scale: FloatArray,
    descent: Descent,
    noise_sd: float,
    patients: int,
    generator: np.random.Generator,
) -> FloatArray:
    """The point after all rounds, float64 [D].

    ``updates``: from a point [D] to each patient's direction of descent [patients, D]. What is
    clipped is ``gradient_scale`` [D] times that, steps are ``step_scale`` [D] times as long.
    ``noise_sd`` of a sum, in clipping norms.
    """
    recipe = Recipe(
        model="bench",
        layout=layout,
        support_visits=1,
        adaptation_steps=1,
        gradient_scale=tuple(gradient_scale.tolist()),
        learning_rate=tuple((step_scale * descent.rates(layout)).tolist()),
        beta1=descent.beta1,
        beta2=descent.beta2,
        adam_epsilon=descent.denominator(noise_sd, patients),
    )
    base = initial(unflatten(start, layout), layout, recipe.model)
    return descend(
        updates, base, recipe, descent.rounds, descent.clipping_norm, noise_sd, generator
    )
