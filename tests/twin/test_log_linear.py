"""Adaptation is the textbook Bayesian posterior, and its uncertainty is honest."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.log_linear import LogLinearModel
from twin.pbc_labs import LABS, SLOPE_SHARE
from twin.prior import Prior, flatten, size_of, unflatten
from twin.protocol import Twin, TwinModel, tensors
from twin.series import PatientSeries, empty_series

MODEL = LogLinearModel()
LAYOUT = MODEL.prior_layout


def random_prior(seed: int) -> Prior:
    generator = np.random.default_rng(seed)
    moved = flatten(MODEL.initial_prior(), LAYOUT)
    return unflatten(moved + 0.5 * generator.standard_normal(moved.shape), LAYOUT)


def random_series(seed: int, visits: int) -> PatientSeries:
    generator = np.random.default_rng(seed)
    when = np.cumsum(np.append(0.0, generator.uniform(0.2, 1.5, max(visits - 1, 0))))[:visits]
    times, channel = np.repeat(when, len(LABS)), np.tile(np.arange(len(LABS)), visits)
    kept = (generator.random(len(times)) < 0.8) | (times == 0)
    centre = np.array([lab.centre for lab in LABS])[channel]
    value = centre * np.exp(0.3 * generator.standard_normal(len(times)))
    return PatientSeries(times[kept], channel[kept], value[kept])


def design_of(times, channel):
    """The design matrix, written out again from the model's formula."""
    matrix = np.zeros((len(times), 2 * len(LABS)))
    for row, (time, lab) in enumerate(zip(times, channel, strict=True)):
        matrix[row, lab] = 1.0
        matrix[row, len(LABS) + lab] = SLOPE_SHARE * time
    return matrix


def scaled(series):
    return np.array(
        [
            (math.log(value) - math.log(LABS[lab].centre)) / LABS[lab].spread
            for lab, value in zip(series.channel, series.value, strict=True)
        ]
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 6))
def test_adaptation_is_the_bayesian_linear_regression_posterior(prior_seed, seed, visits):
    prior = random_prior(prior_seed)
    series = random_series(seed, visits) if visits else empty_series()
    design, covariance = design_of(series.times, series.channel), MODEL.covariance(prior)
    weight = np.diag(np.exp(-2 * prior["log_noise"][series.channel]))
    precision = np.linalg.inv(covariance) + design.T @ weight @ design
    expected_covariance = np.linalg.inv(precision)
    expected_mean = expected_covariance @ (
        np.linalg.solve(covariance, prior["mean"]) + design.T @ weight @ scaled(series)
    )
    twin = MODEL.adapt(prior, series)
    np.testing.assert_allclose(twin.mean, expected_mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(twin.covariance, expected_covariance, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(twin.noise, np.exp(prior["log_noise"]), rtol=1e-12)


def test_a_patient_without_observations_has_the_prior_as_twin():
    prior = random_prior(3)
    twin = MODEL.adapt(prior, empty_series())
    np.testing.assert_allclose(twin.mean, prior["mean"])
    np.testing.assert_allclose(twin.covariance, MODEL.covariance(prior))


@given(st.integers(0, 10_000), st.floats(0.1, 20.0))
def test_any_prior_numbers_give_a_positive_definite_covariance(seed, size):
    vector = size * np.random.default_rng(seed).uniform(-1, 1, size_of(LAYOUT))
    prior = unflatten(vector, LAYOUT)
    correlation = MODEL.covariance({**prior, "log_sd": np.zeros(2 * len(LABS))})
    np.testing.assert_allclose(np.diag(correlation), 1.0)
    covariance = MODEL.covariance(prior)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), np.exp(prior["log_sd"]), rtol=1e-9)
    assert np.linalg.eigvalsh(correlation).min() > -1e-12
    np.testing.assert_array_equal(correlation, correlation.T)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_the_differentiable_part_agrees_with_adapt_and_predict(seed, visits):
    prior, series = random_prior(seed), random_series(seed + 1, 6)
    channel = torch.tensor(series.channel)
    mean, variance = MODEL.conditional(
        tensors(prior),
        torch.tensor(series.times),
        channel,
        MODEL.scaled(channel, torch.tensor(series.value)),
        torch.tensor((series.visit < visits).astype(np.float64)),
    )
    twin = MODEL.adapt(prior, series.first_visits(visits))
    forecast = MODEL.predict(twin, series.times, series.channel)
    spread = np.array([lab.spread for lab in LABS])[series.channel]
    centre = np.log([lab.centre for lab in LABS])[series.channel]
    np.testing.assert_allclose(centre + spread * mean.numpy(), forecast.log_mean, rtol=1e-9)
    np.testing.assert_allclose(spread**2 * variance.numpy(), forecast.log_variance, rtol=1e-9)


def test_predictive_intervals_hold_what_they_say_on_patients_of_the_model():
    prior = random_prior(11)
    population = Twin(prior["mean"], MODEL.covariance(prior), np.exp(prior["log_noise"]))
    generator = np.random.default_rng(5)
    times = np.repeat([0.0, 0.5, 1.0, 2.0, 4.0, 8.0], len(LABS))
    channel = np.tile(np.arange(len(LABS)), 6)
    values = MODEL.simulate(population, times, channel, generator, draws=600)
    scores = []
    for value in values:
        series = PatientSeries(times, channel, value)
        later = series.after_visits(3)
        forecast = MODEL.predict(MODEL.adapt(prior, series.first_visits(3)), later[0], later[1])
        scores.append((np.log(later[2]) - forecast.log_mean) / np.sqrt(forecast.log_variance))
    scores = np.array(scores)
    assert np.abs(scores.mean(axis=0)).max() < 0.2
    assert np.abs(scores.std(axis=0) - 1).max() < 0.15
    for level, z in ((0.5, 0.67449), (0.9, 1.64485)):
        covered = (np.abs(scores) <= z).mean()
        assert covered == pytest.approx(level, abs=0.03)


def test_predicted_moments_are_those_of_simulated_futures():
    twin = MODEL.adapt(MODEL.initial_prior(), random_series(2, 3))
    times, channel = np.array([3.0, 3.0, 5.0]), np.array([0, 1, 4])
    draws = MODEL.simulate(twin, times, channel, np.random.default_rng(1), draws=200_000)
    forecast = MODEL.predict(twin, times, channel)
    np.testing.assert_allclose(draws.mean(axis=0), forecast.mean, rtol=0.02)
    np.testing.assert_allclose(draws.var(axis=0), forecast.variance, rtol=0.15)
    np.testing.assert_allclose(np.log(draws).mean(axis=0), forecast.log_mean, atol=0.01)
    np.testing.assert_allclose(np.log(draws).var(axis=0), forecast.log_variance, rtol=0.02)


def test_simulation_repeats_with_its_generator_alone():
    twin = MODEL.adapt(MODEL.initial_prior(), random_series(2, 3))
    times, channel = np.array([1.0, 2.0]), np.array([0, 1])
    torch.manual_seed(1)
    first = MODEL.simulate(twin, times, channel, np.random.default_rng(7), draws=3)
    torch.manual_seed(2)
    again = MODEL.simulate(twin, times, channel, np.random.default_rng(7), draws=3)
    np.testing.assert_array_equal(first, again)


def test_channels_and_values_outside_the_model_are_refused():
    prior = MODEL.initial_prior()
    with pytest.raises(ValueError, match="channel must be from 0 to 4"):
        MODEL.adapt(prior, PatientSeries(np.zeros(1), np.array([5]), np.ones(1)))
    with pytest.raises(ValueError, match="above zero"):
        MODEL.adapt(prior, PatientSeries(np.zeros(1), np.array([0]), np.zeros(1)))
    twin = MODEL.adapt(prior, empty_series())
    with pytest.raises(ValueError, match="one length"):
        MODEL.predict(twin, np.zeros(2), np.zeros(1, np.int64))


def test_the_model_is_small_enough_for_privacy_and_names_all_it_learns():
    model: TwinModel = MODEL
    assert size_of(model.prior_layout) == 50
    assert len(model.gradient_scale()) == 50
    assert model.gradient_scale().min() > 0
    assert len(model.parameter_names) == 10
    assert [(c.loinc, c.unit) for c in model.channels] == [
        ("1975-2", "mg/dL"),
        ("1751-7", "g/dL"),
        ("777-3", "10*3/uL"),
        ("5902-2", "s"),
        ("6768-6", "U/L"),
    ]
    assert flatten(model.initial_prior(), model.prior_layout).shape == (50,)


def loinc_check_digit(number: str) -> int:
    """LOINC's check digit is the Luhn (modulus 10) digit of the part before the hyphen."""
    doubled = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(number))]
    return -sum(d // 10 + d % 10 for d in doubled) % 10


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.channel.name)
def test_loinc_codes_have_right_check_digits_and_published_figures_are_plausible(lab):
    number, digit = lab.channel.loinc.split("-")
    assert loinc_check_digit(number) == int(digit)
    assert 0 < lab.within < lab.spread < 1
    assert lab.centre > 0
