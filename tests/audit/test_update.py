"""The update rule: the same bytes for the same input, the textbook's Adam, no infinite step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audit import checkpoint, codec
from audit.errors import UpdateRefused
from audit.recipe import Recipe
from audit.update import apply_round, unmask_sum

LAYOUT = (("mean", (5,)), ("chol", (3, 2)), ("log_noise", (1,)))
SIZE = 12


@dataclass(frozen=True)
class Grid:
    vector_length: int = SIZE
    fraction_bits: int = 20


RECIPE = Recipe(
    model="log-linear-1",
    layout=LAYOUT,
    support_visits=3,
    adaptation_steps=1,
    gradient_scale=(1.0,) * SIZE,
    learning_rate=tuple(0.01 * (1 + position) for position in range(SIZE)),
    beta1=0.9,
    beta2=0.99,
    adam_epsilon=1e-8,
)


def start() -> checkpoint.Checkpoint:
    numbers = np.arange(SIZE, dtype=np.float64)
    prior = checkpoint.unflatten(numbers / 10 - 0.3, LAYOUT)
    return checkpoint.initial(prior, LAYOUT, "log-linear-1")


totals = arrays(np.int64, SIZE, elements=st.integers(-(2**63), 2**63 - 1))


def test_pinned_bytes_after_three_rounds():
    """The checkpoint that every machine and every later version must reproduce, byte for byte."""
    current = start()
    for number in range(3):
        total = (np.arange(SIZE, dtype=np.int64) * 7919 + number * 104729) % 1000003 - 500000
        current = apply_round(current, total, 37 + number, Grid(), RECIPE)
    digest = hashlib.sha256(checkpoint.write(current)).hexdigest()
    assert digest == "d18054252c3fbf2d220e208d49294e57eda712a47693ab9f35a7ea79fad082ee"


@given(totals, st.integers(1, 2**40), st.integers(0, 62))
def test_the_same_input_gives_the_same_bytes_and_leaves_the_input_alone(total, count, bits):
    base, before = start(), total.copy()
    grid = Grid(fraction_bits=bits)
    one = checkpoint.write(apply_round(base, total, count, grid, RECIPE))
    two = checkpoint.write(apply_round(start(), total, count, grid, RECIPE))
    assert one == two
    assert (total == before).all()
    assert checkpoint.write(base) == checkpoint.write(start())


@given(totals, st.integers(1, 10**6))
def test_the_order_of_coordinates_changes_nothing_but_the_order(total, count):
    """No reduction and no vector instruction may depend on a number's place."""
    forward = apply_round(start(), total, count, Grid(), RECIPE)
    flipped_recipe = replace(
        RECIPE, layout=(("mean", (SIZE,)),), learning_rate=RECIPE.learning_rate[::-1]
    )
    base = checkpoint.initial(
        {"mean": start().prior[::-1].copy()}, (("mean", (SIZE,)),), "log-linear-1"
    )
    backward = apply_round(base, total[::-1].copy(), count, Grid(), flipped_recipe)
    assert backward.prior[::-1].tobytes() == forward.prior.tobytes()


def test_it_is_adam_as_published():
    base, first, second = start(), np.zeros(SIZE), np.zeros(SIZE)
    prior, current = start().prior.copy(), base
    for step in range(1, 6):
        total = np.arange(SIZE, dtype=np.int64) * 1000 * step - 3000
        current = apply_round(current, total, 10, Grid(), RECIPE)
        gradient = total / 2**20 / 10
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        prior -= (
            np.array(RECIPE.learning_rate)
            * (first / (1 - 0.9**step))
            / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        )
        assert np.allclose(current.prior, prior, rtol=1e-12, atol=1e-15)
        assert current.step == step


def test_a_zero_sum_leaves_a_fresh_prior_where_it_is():
    after = apply_round(start(), np.zeros(SIZE, dtype=np.int64), 5, Grid(), RECIPE)
    assert after.prior.tobytes() == start().prior.tobytes()


@pytest.mark.parametrize(
    ("total", "count", "grid", "recipe"),
    [
        (np.zeros(SIZE, dtype=np.int64), 0, Grid(), RECIPE),
        (np.zeros(SIZE - 1, dtype=np.int64), 1, Grid(), RECIPE),
        (np.zeros(SIZE), 1, Grid(), RECIPE),
        (np.zeros(SIZE, dtype=np.int64), 1, Grid(vector_length=SIZE - 1), RECIPE),
        (np.zeros(SIZE, dtype=np.int64), 1, Grid(), replace(RECIPE, model="other")),
        (
            np.ones(SIZE, dtype=np.int64),
            1,
            Grid(),
            replace(RECIPE, learning_rate=(1e308,) * SIZE, adam_epsilon=1e-308, beta1=0.0),
        ),
    ],
    ids=["count", "length", "dtype", "terms", "model", "overflow"],
)
def test_parts_that_do_not_fit_together_are_refused(total, count, grid, recipe):
    base = start()
    if recipe.beta1 == 0.0:
        base = checkpoint.Checkpoint(
            np.full(SIZE, -1.7e308),
            base.first_moment,
            base.second_moment,
            1.0,
            1.0,
            0,
            LAYOUT,
            base.model,
        )
    with pytest.raises(UpdateRefused):
        apply_round(base, total, count, grid, recipe)


def test_the_unmasked_sum_is_the_sum_of_the_vectors():
    mask = np.array([2**63 + 5, 17, 0], dtype=np.uint64)
    one, other = np.array([5, -7, 2**40]), np.array([-6, -1, 1])
    masked = [codec.wrap(one) + mask, codec.wrap(other) - mask]
    assert unmask_sum(masked).tolist() == [-1, -8, 2**40 + 1]
