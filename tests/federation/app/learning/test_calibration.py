"""Intervals of a learned prior, made as wide as patients privately say that they should be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from federation.app.learning import calibration
from federation.app.learning.point import Rows
from twin.prior import flatten
from twin.protocol import Channel
from twin.series import empty_series
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import Scale, Scales

MODEL = TrajectoryModel(
    [Channel("hb", "718-7", "g/dL", "haemoglobin"), Channel("k", "2823-3", "mmol/L", "potassium")],
    Scales([Scale(False, 0.0, 1.0), Scale(False, 0.0, 1.0)]),
    span=1.0,
)
PRIOR = flatten(MODEL.initial_prior(), MODEL.prior_layout)


def patients(number: int, wilder: float, results: int = 12) -> Rows:
    """Patients of the model's own prior whose SDs are ``wilder`` times what it says."""
    generator = np.random.default_rng(3)
    prior, rows = MODEL.widened(MODEL.initial_prior(), wilder), []
    for _ in range(number):
        times = np.sort(generator.uniform(0, 1, results))
        channel = generator.integers(0, 2, results)
        nobody = MODEL.adapt(prior, empty_series())
        value = MODEL.simulate(nobody, times, channel, generator)[0]
        rows.append((times, channel, MODEL.scales.scaled(channel, value)))
    times, channel, scaled = (np.stack(each) for each in zip(*rows, strict=True))
    ones = torch.ones(times.shape, dtype=torch.float64)
    return Rows(
        torch.tensor(times),
        torch.tensor(channel),
        torch.tensor(scaled),
        torch.zeros(channel.shape, dtype=torch.int64),
        ones,
        ones,
    )


@pytest.mark.parametrize("wilder", [0.6, 1.0, 1.7])
def test_without_noise_the_factor_is_how_much_wilder_patients_are(wilder: float) -> None:
    rows = patients(300, wilder)
    total = calibration.answers(MODEL, PRIOR, rows).sum(axis=0)
    found = calibration.factor(total, 300, 0.0)
    assert found == pytest.approx(wilder, rel=0.1)
    held = inside(MODEL.widened(MODEL.initial_prior(), found), rows)
    assert held == pytest.approx(0.9, abs=0.02)


def inside(prior: dict[str, np.ndarray], rows: Rows) -> float:
    """The share of results inside the 90 % interval, over all supports."""
    answered = calibration.answers(MODEL, flatten(prior, MODEL.prior_layout), rows)
    at_one = answered[:, calibration.THRESHOLDS.index(1.0)]
    return float((at_one * math.sqrt(len(calibration.THRESHOLDS)) + 1).mean() / 2)


def test_noise_alone_leaves_what_is_usual() -> None:
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((200, len(calibration.THRESHOLDS))) * 1e3
    found = [math.log(calibration.factor(total, 20, 1e3)) for total in noise]
    assert np.max(np.abs(np.array(found) - calibration.USUAL[0])) < 0.02


@given(values=st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=12), seed=st.integers(0, 100))
def test_nobodys_answers_are_longer_than_one(values: list[float], seed: int) -> None:
    generator, n = np.random.default_rng(seed), len(values)
    ones = torch.ones((1, n), dtype=torch.float64)
    rows = Rows(
        torch.tensor(np.sort(generator.uniform(0, 9, (1, n)))),
        torch.tensor(generator.integers(0, 2, (1, n))),
        torch.tensor([values], dtype=torch.float64),
        torch.zeros((1, n), dtype=torch.int64),
        ones,
        ones * float(generator.uniform(0, 3)),
    )
    answered = calibration.answers(MODEL, PRIOR, rows)
    assert np.isfinite(answered).all()
    assert np.linalg.norm(answered) <= 1 + 1e-12


def test_answers_are_the_same_in_any_company() -> None:
    rows = patients(40, 1.0)
    alone = calibration.answers(MODEL, PRIOR, Rows(*(one[7:8] for one in rows)))
    assert np.array_equal(calibration.answers(MODEL, PRIOR, rows)[7:8], alone)


def test_nobody_answers_nothing() -> None:
    rows = Rows(*(one[:0] for one in patients(1, 1.0)))
    assert calibration.answers(MODEL, PRIOR, rows).shape == (0, len(calibration.THRESHOLDS))
