"""The recommended recipe learns a prior privately, in few rounds, from few patients."""

import math

import numpy as np
import pytest

from audit.recipe import parse
from bench.pooled import noise_multiplier, rho_of
from bench.tune_on_synthetic import errors
from federation.app.learning.recipe import CLIP_NORM, ROUNDS, recommended_recipe
from federation.planning.pooled import train
from federation.planning.synthetic import cohort, true_prior
from twin.log_linear import LogLinearModel
from twin.prior import unflatten

MODEL = LogLinearModel()


def test_the_recipe_survives_its_canonical_form():
    recipe = recommended_recipe(MODEL)
    assert parse(recipe.to_bytes()) == recipe


def test_the_noise_multiplier_spends_exactly_epsilon():
    sigma = noise_multiplier(8.0, 1e-5, ROUNDS)
    rho = ROUNDS / (2 * sigma**2)
    assert rho == pytest.approx(rho_of(8.0, 1e-5))
    assert rho + 2 * math.sqrt(rho * math.log(1e5)) == pytest.approx(8.0)


def test_eight_private_rounds_close_most_of_the_gap_to_the_true_prior():
    generator = np.random.default_rng(3)
    truth = true_prior(MODEL, generator)
    training = cohort(MODEL, truth, 150, generator)
    held_out = cohort(MODEL, truth, 200, generator)
    start, ideal = errors(MODEL, MODEL.initial_prior(), held_out), errors(MODEL, truth, held_out)
    sd = noise_multiplier(8.0, 1e-5, ROUNDS)
    theta = train(
        MODEL, training, recommended_recipe(MODEL), ROUNDS, CLIP_NORM, sd, np.random.default_rng(1)
    )
    now = errors(MODEL, unflatten(theta, MODEL.prior_layout), held_out)
    assert ((start - now) / (start - ideal) > 0.6).all()
