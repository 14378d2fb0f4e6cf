"""Scales of unknown codes, learned from votes that are bounded and may be noised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.app.learning import survey

MADE_UP = {
    "sodium": (lambda g, n: g.normal(140, 3, n), 140.0, 0.021),
    "bilirubin": (lambda g, n: np.exp(g.normal(0, 1, n)), 1.0, 1.0),
    "creatinine in mol/L": (lambda g, n: np.exp(g.normal(math.log(8e-5), 0.4, n)), 8e-5, 0.4),
    "platelets per litre": (lambda g, n: g.normal(2.5e11, 7e10, n), 2.5e11, 0.28),
}


def votes_of(patients: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    codes, found = len(MADE_UP), []
    for _ in range(patients):
        days = np.linspace(0, 700 * math.exp(0.4 * generator.standard_normal()), 5)
        value = np.concatenate([draw(generator, 5) for draw, _, _ in MADE_UP.values()])
        found.append(
            survey.votes(codes, np.tile(days, codes), np.repeat(np.arange(codes), 5), value)
        )
    return np.stack(found)


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30),
    codes=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_nobodys_votes_are_longer_than_one(values: list[float], codes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = len(values)
    found = survey.votes(
        codes, np.sort(generator.uniform(0, 1e4, n)), generator.integers(0, codes, n),
        np.array(values),
    )  # fmt: skip
    assert np.isfinite(found).all()
    assert np.linalg.norm(found) <= 1 + 1e-12


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_scales_and_the_span_are_found_with_and_without_noise(noise: float) -> None:
    votes = votes_of(150)
    generator = np.random.default_rng(7)
    total = votes.sum(axis=0) + noise * generator.standard_normal(votes.shape[1])
    found = survey.read(len(MADE_UP), total, noise)
    assert 365 < found.span * 365.25 < 1400
    for scale, (_, centre, spread) in zip(found.scales, MADE_UP.values(), strict=True):
        assert scale.logarithmic
        assert abs(math.log(scale.centre / centre)) < 2 * max(spread, scale.spread)
        assert spread / 3 < scale.spread < 5 * spread


def test_values_on_both_sides_of_zero_get_a_plain_scale() -> None:
    generator = np.random.default_rng(1)
    total = sum(
        survey.votes(1, np.arange(8.0), np.zeros(8, np.int64), generator.normal(-3, 10, 8))
        for _ in range(100)
    )
    (scale,) = survey.read(1, np.asarray(total)).scales
    assert not scale.logarithmic
    assert 5 < scale.spread < 20


def test_noise_alone_gives_a_scale_that_says_how_little_is_known() -> None:
    total = np.random.default_rng(2).standard_normal(survey.size(2))
    found = survey.read(2, total, 1.0)
    assert found.span > 0
    for scale in found.scales:
        assert scale.spread > math.log(10)
        assert scale.own < 0.5


def test_votes_on_few_codes_count_as_much_as_votes_on_many() -> None:
    """Somebody with two codes of a hundred has all of their vote for those."""
    days, channel = np.arange(6.0), np.array([3, 3, 3, 70, 70, 70])
    found = survey.votes(100, days, channel, np.array([7.0, 7.5, 8.0, 140.0, 141.0, 139.0]))
    assert np.linalg.norm(found) == pytest.approx(1.0)


def test_few_patients_leave_a_wide_scale_and_many_a_narrow_one() -> None:
    votes = votes_of(150)
    generator = np.random.default_rng(4)
    noise = 2.0 * generator.standard_normal(votes.shape[1])
    many = survey.read(len(MADE_UP), votes.sum(axis=0) + noise, 2.0)
    few = survey.read(len(MADE_UP), votes[:6].sum(axis=0) + noise, 2.0)
    assert all(scale.own > 0.6 for scale in many.scales)
    assert sum(scale.own for scale in few.scales) < 0.7 * sum(s.own for s in many.scales)
