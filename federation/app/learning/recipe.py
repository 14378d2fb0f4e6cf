"""The recommended recipe of meta-learning, its clipping norm and its number of rounds.

Rates, betas, clipping norm and rounds were chosen among about sixty settings on synthetic cohorts
drawn around the published starting prior (6 worlds of 200 patients, epsilon 8, delta 1e-5), before
any was tried on real patients; `bench/tune_on_synthetic.py` repeats the main comparisons. The
support visits, first (0, 1, 2, 3, 5), became 0 to 5 afterwards, for a simpler form; synthetic
results were alike. On those same worlds, so a little flattered, 8 rounds close about nine tenths of
the distance in error between the starting prior and the true one. Fast forgetting (beta1 0.5) fits
few rounds: the customary 0.9 closed under eight tenths.
"""

from __future__ import annotations

from audit.recipe import Recipe
from federation.app.learning.learners import PRIOR, learner_named
from twin.prior import size_of
from twin.protocol import TwinModel

ROUNDS = 8
"""Closed rounds; more gain little at a fixed epsilon, since each then carries more noise."""

CLIP_NORM = 0.25
"""Euclidean bound of one patient's gradient after the model's gradient scale; exact in binary. Of
150 synthetic patients at the starting prior, 91 % have a longer gradient in the log-linear model
and 93 % in the sickle-cell model, half of them one above 0.40 and 0.56: so patients weigh nearly
alike, and an outlier has no pull."""

SUPPORT_VISITS = 5
LEARNING_RATE = 0.3
BETA1 = 0.5
BETA2 = 0.99
ADAM_EPSILON = 0.01
"""Added to the denominator of Adam's steps, which are otherwise as long on numbers that are nothing
but noise as on the others. About one standard deviation of the noise on the mean gradient of 60
patients at epsilon 8 (three of 200 patients): on synthetic cohorts of 60, the share of the possible
gain rises from 0.55 to 0.74, of 200 from 0.90 to 0.93 (`bench/tune_on_synthetic.py`)."""

INNER_STEPS = 3
INNER_RATE = 0.15
"""Of the learners of one point: those of the learning comparison (bench/learning/settings.toml)."""


def recommended_recipe(model: TwinModel, learner: str = PRIOR) -> Recipe:
    """The recipe for a model whose prior is in units of about 1, which makes one rate fit all.

    Raises ValueError for an unknown learner.
    """
    what = learner_named(learner)
    layout = what.layout(model)
    size = size_of(layout)
    return Recipe(
        model=model.name,
        layout=layout,
        learner=learner,
        support_visits=SUPPORT_VISITS,
        adaptation_steps=1 if learner == PRIOR else INNER_STEPS,
        adaptation_rate=1.0 if learner == PRIOR else INNER_RATE,
        gradient_scale=tuple(what.scale(model).tolist()),
        learning_rate=(LEARNING_RATE,) * size,
        beta1=BETA1,
        beta2=BETA2,
        adam_epsilon=ADAM_EPSILON,
    )
