"""Means of codes that nobody has published a course of may have far to go."""

from __future__ import annotations

import numpy as np
import pytest

from bench.learning.cohort import DAYS_A_YEAR, Cohort, Record
from bench.learning.division import Plan, ground_of
from bench.learning.private import Descent
from bench.learning.settings import read
from bench.learning.training import NO_PRIVACY, learn_prior
from twin.prior import flatten, unflatten
from twin.protocol import Channel
from twin.series import empty_series
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import Scale, Scales

DAYS = np.arange(0.0, 701.0, 70.0)
GROWN_A_DAY = 0.1


def growing(patients: int) -> Cohort:
    """Everybody grows from about 10 to about 80."""
    generator = np.random.default_rng(5)
    records = []
    for number in range(patients):
        own = GROWN_A_DAY * DAYS * (1 + 0.2 * generator.normal())
        value = 10 + own + 3 * generator.normal(size=len(DAYS))
        channel = np.zeros(len(DAYS), dtype=np.int64)
        records.append(Record(f"p{number}", f"site-{number % 5}", DAYS, channel, value))
    return Cohort("growing", (Channel("weight", "weight", "kg", "weight"),), tuple(records))


@pytest.mark.parametrize("epsilon", [NO_PRIVACY, 8.0])
def test_the_prior_reaches_a_course_that_all_patients_share(epsilon: float) -> None:
    cohort = growing(100)
    plan = Plan(cohort, read(published=False), None, ("observations",))
    sites = tuple(
        tuple(record for record in cohort.records if record.site == site) for site in cohort.sites
    )
    ground = ground_of(plan, sites, epsilon, np.random.default_rng(1))
    assert isinstance(ground.model, TrajectoryModel)
    learned = learn_prior(ground, np.random.default_rng(2))
    prior = unflatten(learned, ground.model.prior_layout)
    nobody = ground.model.adapt(prior, empty_series())
    forecast = ground.model.predict(nobody, DAYS / DAYS_A_YEAR, np.zeros(len(DAYS), dtype=np.int64))
    course = 10 + GROWN_A_DAY * DAYS
    off = np.sqrt(np.mean((forecast.mean - course) ** 2))
    assert off < np.std(course) / 4


def test_a_means_gradient_shrinks_with_its_codes_variance_and_no_other_does() -> None:
    scales = Scales((Scale(False, 0.0, 1.0), Scale(False, 0.0, 1.0)))
    channels = tuple(Channel(name, name, "1", name) for name in ("a", "b"))
    model = TrajectoryModel(channels, scales, span=1.0)
    start = model.initial_prior()
    assert model.conditioning(flatten(start, model.prior_layout)) == pytest.approx(1.0)
    halved = {
        name: array - np.log(2) * (np.arange(array.size) % 2 == 0)  # of code a
        if name in ("log_sd", "log_walk", "log_noise")
        else array
        for name, array in start.items()
    }
    found = model.conditioning(flatten(halved, model.prior_layout))
    assert found[:4] == pytest.approx([0.25, 1.0, 0.25, 1.0])
    assert found[4:] == pytest.approx(1.0)


def test_levels_weigh_more_and_drifts_move_less_where_nobody_is_sure_of_the_scale() -> None:
    scales = Scales((Scale(False, 0.0, 1.0), Scale(False, 0.0, 1.0, own=0.25)))
    channels = tuple(Channel(name, name, "1", name) for name in ("a", "b"))
    model = TrajectoryModel(channels, scales, span=1.0)
    assert model.gradient_scale()[:4] == pytest.approx([1.0, 4.0, 1.0, 1.0])
    assert model.gradient_scale()[4:] == pytest.approx(1.0)
    assert model.step_scale()[:4] == pytest.approx([1.0, 1.0, 1.0, 0.25])
    assert model.step_scale()[4:] == pytest.approx(1.0)


def test_means_alone_move_faster() -> None:
    descent = Descent(learning_rate=0.5, mean_rate=2.0)
    assert descent.rates((("mean", (2,)), ("log_sd", (2,)))).tolist() == [1.0, 1.0, 0.5, 0.5]
    assert descent.rates((("parameters", (3,)),)).tolist() == [0.5, 0.5, 0.5]


def test_constants_for_unknown_codes_replace_rates_and_nothing_that_decides_the_endpoint() -> None:
    known, unknown = read(), read(published=False)
    assert unknown.prior.mean_rate > known.prior.mean_rate == 1.0
    assert unknown.prior.rounds == known.prior.rounds
    assert {one.rounds for one in unknown.point.values()} == {known.prior.rounds}
    for name in ("epsilons", "delta", "colluders", "seeds", "counts", "primary_count", "local"):
        assert getattr(unknown, name) == getattr(known, name)
