"""What a privacy account means to a person, against the mechanism that it is about."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.guessing import best_guess, in_a_hundred


@given(rho=st.floats(min_value=1e-9, max_value=60))
def test_nobody_guesses_better_about_gaussian_noise_than_is_said(rho: float) -> None:
    """Noise sigma costs rho = 1 / (2 sigma^2); the best test is right in Phi(1 / (2 sigma))."""
    sigma = math.sqrt(1 / (2 * rho))
    assert NormalDist().cdf(1 / (2 * sigma)) <= best_guess(rho) <= 1


def test_nothing_spent_is_a_coins_toss_and_more_is_never_less() -> None:
    assert best_guess(0) == 0.5
    guesses = [best_guess(rho / 10) for rho in range(100)]
    assert guesses == sorted(guesses) and guesses[-1] > 0.99
    for wrong in (-1e-9, math.nan):
        with pytest.raises(ValueError, match="rho"):
            best_guess(wrong)


def test_a_bound_is_never_rounded_down() -> None:
    assert in_a_hundred(0.96493) == "96.5"
    assert in_a_hundred(0.8401) == "84.1"
    assert in_a_hundred(0.75) == "75"
