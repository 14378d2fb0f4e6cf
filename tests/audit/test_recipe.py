"""Recipes: what the terms fix by hash, read strictly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from audit import canonical_json, recipe
from audit.errors import NotCanonical, RecipeInvalid

SAMPLE = recipe.Recipe(
    model="log-linear-1",
    layout=(("mean", (2,)), ("log_noise", (1,))),
    support_visits=3,
    adaptation_steps=1,
    gradient_scale=(1.0, 0.5, 2.0),
    learning_rate=(0.1, 0.05, 1e-7),
    beta1=0.9,
    beta2=0.999,
    adam_epsilon=1e-8,
)


def test_a_recipe_comes_back_from_its_bytes_and_hash_is_of_them():
    assert recipe.parse(SAMPLE.to_bytes()) == SAMPLE
    assert SAMPLE.hash() == hashlib.sha256(SAMPLE.to_bytes()).digest()
    assert SAMPLE.size == 3


def test_a_constant_of_many_numbers_is_written_once():
    large = replace(
        SAMPLE,
        layout=(("mean", (recipe.MAX_NUMBERS,)),),
        gradient_scale=(1.0,) * recipe.MAX_NUMBERS,
        learning_rate=(0.1,) * (recipe.MAX_NUMBERS - 1) + (0.2,),
    )
    assert len(large.to_bytes()) < 500
    assert recipe.parse(large.to_bytes()) == large
    assert large.rates[-1] == 0.2


@pytest.mark.parametrize(
    "runs",
    [
        [1, 1, 1],
        [[1, 1], [1, 2]],
        [[1, 0], [2, 3]],
        [[1, 3, 1]],
        [[1, 2.5]],
        [[1, recipe.MAX_NUMBERS], [2, recipe.MAX_NUMBERS]],
    ],
    ids=["plain", "one run in two", "an empty run", "too long", "half a number", "too many"],
)
def test_constants_in_another_form_are_refused(runs):
    value = json.loads(SAMPLE.to_bytes())
    with pytest.raises(RecipeInvalid):
        recipe.parse(canonical_json.dumps({**value, "gradient_scale": runs}))


def test_bytes_that_are_not_canonical_are_refused():
    with pytest.raises(NotCanonical):
        recipe.parse(json.dumps(json.loads(SAMPLE.to_bytes()), indent=1).encode())


def test_each_missing_unknown_or_mistyped_member_is_refused():
    value = json.loads(SAMPLE.to_bytes())
    for name in value:
        without = {key: entry for key, entry in value.items() if key != name}
        with pytest.raises(RecipeInvalid):
            recipe.parse(canonical_json.dumps(without))
        for wrong in (None, True, [True], {}, "", [["mean", [2]]]):
            with pytest.raises(RecipeInvalid):
                recipe.parse(canonical_json.dumps({**value, name: wrong}))
    with pytest.raises(RecipeInvalid, match="surprise"):
        recipe.parse(canonical_json.dumps({**value, "surprise": 1}))


@pytest.mark.parametrize(
    "change",
    [
        {"gradient_scale": (1.0, 1.0)},
        {"gradient_scale": (1.0, 1.0, 0.0)},
        {"learning_rate": (1.0, 1.0, float("inf"))},
        {"learning_rate": (1.0, 1.0, -1.0)},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"adam_epsilon": 0.0},
        {"support_visits": 0},
        {"adaptation_steps": -1},
        {"adaptation_rate": 0.0},
        {"learner": ""},
        {"layout": (("mean", (3,)), ("mean", (3,)))},
        {"model": ""},
    ],
)
def test_constants_out_of_range_are_refused(change):
    with pytest.raises(RecipeInvalid):
        replace(SAMPLE, **change)
