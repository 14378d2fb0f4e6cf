"""Each baseline is as strong as its definition says, so that beating it means something."""

import numpy as np
import pytest

from federation.app.learning import baselines
from federation.app.learning.dp_fedavg import dp_fedavg
from twin.log_linear import LogLinearModel
from twin.pbc_labs import LABS
from twin.series import PatientSeries, empty_series

MODEL = LogLinearModel()
CENTRE = np.array([lab.centre for lab in LABS])
SPREAD = np.array([lab.spread for lab in LABS])


def patient(seed: int, visits: int = 6, shift: float = 0.0) -> PatientSeries:
    generator = np.random.default_rng(seed)
    times = np.repeat(np.arange(visits, dtype=np.float64), len(LABS))
    channel = np.tile(np.arange(len(LABS)), visits)
    level = shift + generator.standard_normal(len(LABS))
    scaled = level[channel] + 0.05 * times + 0.2 * generator.standard_normal(len(times))
    return PatientSeries(times, channel, CENTRE[channel] * np.exp(SPREAD[channel] * scaled))


SITES = [
    [patient(10 * site + i, shift=site - 1.0) for i in range(size)]
    for site, size in enumerate((12, 6, 3))
]
PATIENTS = [one for site in SITES for one in site]


def test_fedavg_reaches_the_pooled_least_squares_fit():
    x = np.concatenate([baselines.features(p.times, p.channel, len(LABS)) for p in PATIENTS])
    y = np.concatenate([baselines.scaled_values(MODEL, p) for p in PATIENTS])
    ideal = np.linalg.lstsq(x, y, rcond=None)[0]
    weights = baselines.fedavg(MODEL, SITES)
    best, reached = ((x @ ideal - y) ** 2).mean(), ((x @ weights - y) ** 2).mean()
    assert reached <= 1.01 * best


def test_a_site_without_observations_takes_no_part():
    without = baselines.fedavg(MODEL, SITES)
    np.testing.assert_array_equal(baselines.fedavg(MODEL, [*SITES, [], [empty_series()]]), without)
    with pytest.raises(ValueError, match="at least one observation"):
        baselines.fedavg(MODEL, [[], [empty_series()]])


def test_fine_tuning_helps_the_patients_it_was_tuned_on():
    weights = baselines.fedavg(MODEL, SITES)
    tuning = baselines.tune_fine_tuning(MODEL, weights, PATIENTS, 3)
    assert tuning.steps > 0
    before = after = 0.0
    for one in PATIENTS:
        times, channel, _ = one.after_visits(3)
        truth = baselines.scaled_values(MODEL, one)[one.visit >= 3]
        own = baselines.fine_tune(MODEL, weights, one.first_visits(3), tuning)
        after += ((baselines.population_forecast(own, times, channel) - truth) ** 2).sum()
        before += ((baselines.population_forecast(weights, times, channel) - truth) ** 2).sum()
    assert after < 0.5 * before


def test_fine_tuning_without_data_leaves_the_population_model():
    weights = np.arange(10.0)
    tuning = baselines.FineTuning(10, 0.1)
    np.testing.assert_array_equal(
        baselines.fine_tune(MODEL, weights, empty_series(), tuning), weights
    )


def test_the_last_value_is_carried_forward_and_a_lab_never_seen_is_the_populations():
    weights = baselines.fedavg(MODEL, SITES)
    support = PatientSeries(
        np.array([0.0, 1.0, 1.0]), np.array([0, 0, 1]), np.array([1.0, 2.0, 4.0])
    )
    times, channel = np.array([2.0, 9.0, 2.0, 2.0]), np.array([0, 0, 1, 2])
    forecast = baselines.last_value_forecast(MODEL, weights, support, times, channel)
    last = baselines.scaled_values(MODEL, support)
    np.testing.assert_array_equal(forecast[:3], [last[1], last[1], last[2]])
    assert forecast[3] == baselines.population_forecast(weights, times, channel)[3]


def test_the_local_fit_continues_the_patients_own_line():
    support = PatientSeries(
        np.array([0.0, 1.0, 1.0, 2.0]), np.array([0, 0, 1, 0]), np.array([1.0, 2.0, 4.0, 4.0])
    )
    times, channel = np.array([3.0, 3.0, 3.0]), np.array([0, 1, 2])
    weights = np.arange(10.0)
    forecast = baselines.local_forecast(MODEL, weights, support, times, channel)
    assert forecast[0] == pytest.approx(np.log(8.0 / CENTRE[0]) / SPREAD[0])
    assert forecast[1] == pytest.approx(np.log(4.0 / CENTRE[1]) / SPREAD[1])
    assert forecast[2] == baselines.population_forecast(weights, times, channel)[2]


def test_forecasts_change_nothing_that_they_are_given():
    weights = baselines.fedavg(MODEL, SITES)
    kept = weights.copy()
    one = PATIENTS[0]
    times, channel, _ = one.after_visits(2)
    baselines.last_value_forecast(MODEL, weights, one.first_visits(2), times, channel)
    baselines.local_forecast(MODEL, weights, one.first_visits(2), times, channel)
    baselines.fine_tune(MODEL, weights, one, baselines.FineTuning(3, 0.3))
    np.testing.assert_array_equal(weights, kept)


def test_dp_fedavg_spends_its_budget_and_approaches_fedavg_when_that_is_large():
    sites = [*SITES, [empty_series()]]
    _, spent = dp_fedavg(MODEL, sites, epsilon=8.0, delta=1e-5, seed=1)
    assert 7.5 < spent <= 8.01
    target = baselines.fedavg(MODEL, SITES)
    times, channel = np.full(5, 2.0), np.arange(5)
    aim = baselines.population_forecast(target, times, channel)

    def distance(epsilon: float, rounds: int) -> float:
        errors = []
        for seed in range(3):
            weights, _ = dp_fedavg(MODEL, SITES, epsilon, 1e-5, seed, rounds, 0.5, 10.0)
            errors.append(
                np.abs(baselines.population_forecast(weights, times, channel) - aim).mean()
            )
        return float(np.mean(errors))

    assert distance(1e6, 60) < 0.3
    assert distance(0.5, 60) > 2 * distance(1e6, 60)


def test_dp_fedavg_noise_differs_between_seeds_and_repeats_with_one():
    first, _ = dp_fedavg(MODEL, SITES, 8.0, 1e-5, seed=1, rounds=2)
    again, _ = dp_fedavg(MODEL, SITES, 8.0, 1e-5, seed=1, rounds=2)
    other, _ = dp_fedavg(MODEL, SITES, 8.0, 1e-5, seed=2, rounds=2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
