"""Baselines and plain meta-learners: each contribution is what its publication says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from federation.app.learning.meta_gradient import batch_meta_gradients
from federation.app.learning.nested import nested_gradients
from federation.app.learning.point import NAMES, PointSettings, Rows, updates
from twin.log_linear import LogLinearModel
from twin.pbc_labs import LABS
from twin.prior import flatten
from twin.protocol import Channel
from twin.series import PatientBatch
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import Scale, Scales

MODEL = LogLinearModel(LABS[:2], "two-labs")
SETTINGS = PointSettings(steps=2, rate=0.1, proximal=0.5, counts=(1, 2), adapted=0.5)


def rows(seed: int = 0) -> Rows:
    generator = np.random.default_rng(seed)
    channel = torch.tensor([[0, 1, 0, 1, 0, 1]])
    times = torch.tensor(np.sort(generator.uniform(0, 4, (1, 6))))
    scaled = torch.tensor(generator.standard_normal((1, 6)))
    ones = torch.ones((1, 6), dtype=torch.float64)
    return Rows(times, channel, scaled, torch.tensor([[0, 0, 1, 1, 2, 2]]), ones, ones)


def error(z: np.ndarray, one: Rows, asked: np.ndarray) -> float:
    """Each channel's mean squared error, added up, in plain NumPy."""
    times, channel, y = (part[0].numpy() for part in one[:3])
    mean = z[channel] + z[2 + channel] * 0.1 * times
    return sum(
        float(((mean - y) ** 2)[asked & (channel == code)].mean())
        for code in (0, 1)
        if (asked & (channel == code)).any()
    )


def slope(f, z: np.ndarray) -> np.ndarray:
    steps = 1e-6 * np.eye(len(z))
    return np.array([(f(z + h) - f(z - h)) / 2e-6 for h in steps])


def descended(z: np.ndarray, one: Rows, asked: np.ndarray, mask: np.ndarray) -> np.ndarray:
    for _ in range(SETTINGS.steps):
        z = z - SETTINGS.rate * mask * slope(lambda at: error(at, one, asked), z)
    return z


def expected(name: str, theta: np.ndarray, one: Rows) -> np.ndarray:
    group, everything = one.group[0].numpy(), np.ones(6, bool)
    free = np.ones(4)
    if name == "fedavg":
        return theta - descended(theta, one, everything, free)
    if name == "fedprox":
        z = theta
        for _ in range(SETTINGS.steps):
            pull = SETTINGS.proximal * (z - theta)
            z = z - SETTINGS.rate * (slope(lambda at: error(at, one, everything), z) + pull)
        return theta - z
    found = []
    for count in SETTINGS.counts:
        support = group < count
        mask = np.array([1.0, 1, 0, 0]) if name == "anil" else free

        def later(at: np.ndarray, support: np.ndarray = support) -> float:
            return error(at, one, ~support)

        def adapted(at: np.ndarray, support=support, mask=mask) -> np.ndarray:
            return descended(at, one, support, mask)

        if name == "reptile":
            found.append(theta - adapted(theta))
        elif name == "fomaml":
            found.append(slope(later, adapted(theta)))
        else:
            found.append(slope(lambda at: later(adapted(at)), theta))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_contribution_is_what_the_publication_says(name: str) -> None:
    theta, one = np.array([0.3, -0.2, 0.5, 0.1]), rows()
    found = updates(name, MODEL, theta, one, SETTINGS)
    np.testing.assert_allclose(found[0], expected(name, theta, one), atol=2e-4)


def test_a_patient_whose_numbers_are_not_finite_gives_zero_and_touches_nobody() -> None:
    theta = np.array([0.3, -0.2, 0.5, 0.1])
    good, bad = rows(1), rows(2)
    bad.scaled[0, 3] = float("nan")
    both = Rows(*(torch.cat(pair) for pair in zip(good, bad, strict=True)))
    found = updates("maml", MODEL, theta, both, SETTINGS)
    assert (found[1] == 0).all()
    np.testing.assert_allclose(found[0], updates("maml", MODEL, theta, good, SETTINGS)[0])


def test_an_unknown_learner_is_named() -> None:
    with pytest.raises(ValueError, match="unknown learner 'magic'; there are fedavg"):
        updates("magic", MODEL, np.zeros(4), rows(), SETTINGS)


def test_growing_supports_at_once_give_the_gradient_of_each_by_itself() -> None:
    generator = np.random.default_rng(3)
    model = TrajectoryModel(
        tuple(Channel(n, n, "1", n) for n in "ab"),
        Scales((Scale(True, 5.0, 0.3), Scale(False, 0.0, 2.0))),
        1.5,
    )
    shape = (5, 16)
    observed = np.arange(16) < np.array([[0], [1], [7], [16], [12]])
    batch = PatientBatch(
        np.sort(generator.uniform(0, 3, shape), axis=1),
        generator.integers(0, 2, shape),
        np.exp(generator.standard_normal(shape)),
        np.ceil(np.log2(np.arange(16) + 1)).astype(np.int64) * np.ones(shape, np.int64),
        observed,
    )
    prior = flatten(model.initial_prior(), model.prior_layout)
    prior = prior + 0.2 * generator.standard_normal(prior.size)
    scaled = model.scales.scaled(batch.channel, batch.value)
    seen = torch.tensor(observed.astype(float))
    table = Rows(
        torch.tensor(batch.times), torch.tensor(batch.channel), torch.tensor(scaled),
        torch.tensor(batch.visit), seen, seen,
    )  # fmt: skip
    np.testing.assert_allclose(
        nested_gradients(model, prior, table, (0, 1, 2, 4, 8)),
        batch_meta_gradients(model, prior, batch, 4),
        atol=1e-9,
    )
