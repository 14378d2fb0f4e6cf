"""The second round of votes: where around the first round's answer results lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.app.learning import survey, survey_again
from tests.federation.app.learning.test_survey import MADE_UP
from twin.trajectory.scale import Scale

CODES = len(MADE_UP)
Record = tuple[np.ndarray, np.ndarray, np.ndarray]


def records(patients: int, seed: int = 0) -> list[Record]:
    generator = np.random.default_rng(seed)
    days, channel = np.tile(np.linspace(0, 700, 5), CODES), np.repeat(np.arange(CODES), 5)
    return [
        (days, channel, np.concatenate([draw(generator, 5) for draw, _, _ in MADE_UP.values()]))
        for _ in range(patients)
    ]


def asked(rows: np.ndarray, noise: float, generator: np.random.Generator) -> np.ndarray:
    return rows.sum(axis=0) + noise * generator.standard_normal(rows.shape[1])


def off(found: survey.Survey) -> float:
    """How far centres are from the truth, in true spreads, on average over codes."""
    return float(
        np.mean(
            [
                min(abs(math.log(max(scale.centre, 1e-300) / centre)) / spread, 10.0)
                if scale.logarithmic
                else 10.0
                for scale, (_, centre, spread) in zip(found.scales, MADE_UP.values(), strict=True)
            ]
        )
    )


@pytest.mark.parametrize("noise", [0.0, 2.5])
def test_scales_are_found_with_and_without_noise(noise: float) -> None:
    mine, generator = records(150), np.random.default_rng(7)
    first = survey.read(CODES, asked(survey.rows_of(CODES, mine), noise, generator), noise)
    rows = survey_again.rows_of(first.scales, [(one[1], one[2]) for one in mine])
    found = survey_again.read(first, asked(rows, noise, generator), noise)
    assert found.span == first.span
    for scale, (_, centre, spread) in zip(found.scales, MADE_UP.values(), strict=True):
        assert scale.logarithmic
        assert abs(math.log(scale.centre / centre)) < spread
        assert spread / 2 < scale.spread < 3 * spread


def test_it_tells_more_than_the_first_question_asked_twice() -> None:
    again, twice = [], []
    for seed in range(6):
        mine, generator, noise = records(40, seed), np.random.default_rng(seed), 2.5
        rows = survey.rows_of(CODES, mine)
        sums = [asked(rows, noise, generator) for _ in range(2)]
        twice.append(off(survey.read(CODES, np.mean(sums, axis=0), noise / math.sqrt(2))))
        first = survey.read(CODES, sums[0], noise)
        second = survey_again.rows_of(first.scales, [(one[1], one[2]) for one in mine])
        again.append(off(survey_again.read(first, asked(second, noise, generator), noise)))
    assert np.mean(again) < 0.7 * np.mean(twice)


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30),
    logarithmic=st.booleans(),
    own=st.floats(1e-6, 1.0),
    seed=st.integers(0, 100),
)
def test_nobodys_votes_are_longer_than_one(
    values: list[float], logarithmic: bool, own: float, seed: int
) -> None:
    channel = np.random.default_rng(seed).integers(0, 2, len(values))
    scales = (Scale(logarithmic, 5.0, 0.7, own), Scale(False, -3.0, 1e-3, own))
    found = survey_again.votes(scales, channel, np.array(values))
    assert np.isfinite(found).all()
    assert np.linalg.norm(found) <= 1 + 1e-12


def test_noise_alone_leaves_what_was_believed() -> None:
    first = survey.read(1, np.zeros(survey.size(1)), 1.0)
    found = survey_again.read(first, np.zeros(survey_again.PER_CODE), 1.0)
    assert found.scales == first.scales
