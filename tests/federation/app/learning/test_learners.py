"""Every learner of a recipe goes the same way: clipped, summed, applied; each patient by
themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from audit.checkpoint import initial
from audit.update import apply_round
from federation.app.learning.learners import LEARNERS, learner_named
from federation.app.learning.recipe import recommended_recipe
from federation.app.train import contribution
from federation.planning.synthetic import cohort, true_prior
from twin.log_linear import LogLinearModel
from twin.series import PatientSeries, empty_series

MODEL = LogLinearModel()


@dataclass(frozen=True)
class Terms:
    vector_length: int
    fraction_bits: int = 24
    clipping_norm: int = 2**22  # 0.25


@pytest.fixture(scope="module")
def patients() -> list[PatientSeries]:
    generator = np.random.default_rng(4)
    return cohort(MODEL, true_prior(MODEL, generator), 40, generator)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_starts_contributes_and_is_updated(
    name: str, patients: list[PatientSeries]
) -> None:
    recipe, learner = recommended_recipe(MODEL, name), learner_named(name)
    base = initial(learner.start(MODEL), recipe.layout, MODEL.name)
    terms = Terms(recipe.size)
    total = contribution([*patients, None, empty_series()], base, recipe, terms)
    assert total.shape == (recipe.size,)
    assert total.any()
    assert np.linalg.norm(total.astype(float)) <= len(patients) * terms.clipping_norm
    after = apply_round(base, total, len(patients) + 2, terms, recipe)
    assert (after.prior != base.prior).any()


@pytest.mark.parametrize("name", LEARNERS)
def test_a_patients_bits_are_the_same_in_any_company(
    name: str, patients: list[PatientSeries]
) -> None:
    recipe, learner = recommended_recipe(MODEL, name), learner_named(name)
    at = initial(learner.start(MODEL), recipe.layout, MODEL.name).prior
    together = learner.gradients(MODEL, at, patients, recipe)
    for place in (0, 17, 39):
        alone = learner.gradients(MODEL, at, [patients[place]], recipe)
        assert alone[0].tobytes() == together[place].tobytes()


@pytest.mark.parametrize("name", LEARNERS)
def test_an_unusable_record_gives_exactly_zero(name: str) -> None:
    recipe, learner = recommended_recipe(MODEL, name), learner_named(name)
    at = initial(learner.start(MODEL), recipe.layout, MODEL.name).prior
    huge = PatientSeries(np.array([0.0, 1.0]), np.array([0, 99]), np.array([1.0, 2.0]))
    found = learner.gradients(MODEL, at, [huge, None, empty_series()], recipe)
    assert not found.any()


def test_an_unknown_learner_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown learner 'magic'; this release has prior"):
        recommended_recipe(MODEL, "magic")
