"""Baselines and plain meta-learners: each contribution is what its publication says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from federation.app.learning.meta_gradient import batch_meta_gradients
from federation.app.learning.nested import nested_gradients
from federation.app.learning.point import NAMES, PointSettings, Rows, Trajectories, updates
from twin.log_linear import LogLinearModel
from twin.pbc_labs import LABS
from twin.prior import flatten
from twin.protocol import Channel, TwinModel
from twin.series import PatientBatch
from twin.sickle_cell.model import SickleCellModel
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


class Plain:
    """A model of which only its trajectories are known."""

    def __init__(self, model: Trajectories) -> None:
        self.parameter_names, self.trajectory = model.parameter_names, model.trajectory


SICKLE_CELL = SickleCellModel()
TWO_CODES = TrajectoryModel(
    tuple(Channel(n, n, "1", n) for n in "ab"),
    Scales((Scale(True, 5.0, 0.3), Scale(False, 0.0, 2.0))),
    1.5,
)


def many_rows(model: Trajectories, patients: int) -> Rows:
    """Of synthetic patients with 1 to 24 rows; a dose and a weight among the sickle-cell ones."""
    generator, shape = np.random.default_rng(7), (patients, 24)
    inputs = sorted(getattr(model, "inputs", ()))
    channel = generator.integers(0, 7 if inputs else 2, shape)
    seen = np.arange(24) < generator.integers(1, 25, (patients, 1))
    group = np.sort(generator.integers(0, 6, shape), axis=1)
    scaled = np.where(np.isin(channel, inputs), 0.3, generator.standard_normal(shape))
    return Rows(
        torch.tensor(np.sort(generator.uniform(0, 3, shape), axis=1)),
        torch.tensor(channel),
        torch.tensor(np.where(seen, scaled, 0.0)),
        torch.tensor(group),
        torch.tensor(seen.astype(float)),
        torch.tensor((seen & ~np.isin(channel, inputs)).astype(float)),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", [MODEL, TWO_CODES, SICKLE_CELL], ids=lambda one: one.name)
def test_a_model_that_knows_its_slope_gives_what_differentiation_gives(
    model: TwinModel, name: str
) -> None:
    table = many_rows(model, 5)
    theta = 0.3 * np.random.default_rng(2).standard_normal(len(model.parameter_names))
    settings = PointSettings(steps=2, rate=0.05)
    found = updates(name, model, theta, table, settings)
    expected = updates(name, Plain(model), theta, table, settings)
    assert np.abs(found).sum() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("model", [TWO_CODES, SICKLE_CELL], ids=lambda one: one.name)
def test_a_patients_numbers_have_the_same_bits_in_any_company(model: TwinModel) -> None:
    table, theta = many_rows(model, 9), np.full(len(model.parameter_names), 0.2)
    together = updates("maml", model, theta, table, PointSettings())
    for place in (0, 4, 8):
        alone = Rows(*(part[place : place + 1] for part in table))
        found = updates("maml", model, theta, alone, PointSettings())
        assert found[0].tobytes() == together[place].tobytes()


@pytest.mark.parametrize("model", [MODEL, SICKLE_CELL], ids=lambda one: one.name)
def test_nobody_contributes_nothing(model: TwinModel) -> None:
    theta = np.zeros(len(model.parameter_names))
    nobody = Rows(*(part[:0] for part in many_rows(model, 1)))
    assert updates("fedavg", model, theta, nobody, SETTINGS).shape == (0, len(theta))


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
