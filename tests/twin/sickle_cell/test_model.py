"""The twin adapts to the best fit, says how sure it is, and can be learned by adapting."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from federation.app.learning.meta_gradient import (
    batch_meta_gradients,
    meta_gradients,
    patient_losses,
)
from federation.gate.records.codes import find_code
from twin.prior import flatten, size_of, unflatten
from twin.protocol import TwinModel, tensors
from twin.series import PatientSeries, empty_series, stack
from twin.sickle_cell.channels import DOSE, RESULTS, WEIGHT
from twin.sickle_cell.model import SickleCellModel
from twin.sickle_cell.regimen import Regimen, SickleCellTwin

MODEL = SickleCellModel()
LAYOUT = MODEL.prior_layout
START = MODEL.initial_prior()
VISITS = np.array([0.0, 0.1, 0.25, 0.5, 1.0, 1.5])


def population(prior=START) -> SickleCellTwin:
    noise = np.append(np.exp(prior["log_noise"]), [0.0, 0.0])
    return SickleCellTwin(prior["mean"], MODEL.covariance(prior), noise, regimen())


def regimen(dose: float = 1400.0) -> Regimen:
    return Regimen(np.array([0.05, 0.5]), np.array([0.7 * dose, dose]), np.zeros(1), np.array([62]))


def patients(count: int, seed: int, visits: np.ndarray = VISITS, prior=START):
    """Series with weight and doses among their rows, drawn from a prior."""
    generator = np.random.default_rng(seed)
    times = np.repeat(visits, len(RESULTS))
    channel = np.tile(np.arange(len(RESULTS)), len(visits))
    twin = population(prior)
    found = []
    for _ in range(count):
        value = MODEL.simulate(twin, times, channel, generator)[0]
        all_times = np.concatenate([times, [0.0, 0.0, 0.05, 0.5]])
        codes = np.concatenate([channel, [WEIGHT, DOSE, DOSE, DOSE]])
        values = np.concatenate([value, [62.0, 0.0, 980.0, 1400.0]])
        order = np.lexsort((codes, all_times))
        found.append(PatientSeries(all_times[order], codes[order], values[order]))
    return found


def conditional(prior, series: PatientSeries, visits: int, model: TwinModel = MODEL):
    channel = torch.tensor(series.channel)
    return model.conditional(
        tensors(prior),
        torch.tensor(series.times),
        channel,
        model.scaled(channel, torch.tensor(series.value)),
        torch.tensor((series.visit < visits).astype(np.float64)),
    )


def conditionals(series: list[PatientSeries], visits: int, model: TwinModel = MODEL):
    """`conditional` of every patient at once; [patients, n] of mean, variance, truth, each as
    NumPy, and which rows are results.
    """
    batch = stack(series)
    channel = torch.tensor(batch.channel)
    y = model.scaled(channel, torch.tensor(batch.value))
    support = torch.tensor(((batch.visit < visits) & batch.observed).astype(np.float64))
    mean, variance = torch.func.vmap(model.conditional, in_dims=(None, 0, 0, 0, 0))(
        tensors(START), torch.tensor(batch.times), channel, y, support
    )
    results = batch.observed & (batch.channel < WEIGHT)
    return mean.numpy(), variance.numpy(), y.numpy(), results, batch.visit


def results_after(series: PatientSeries, visits: int):
    times, channel, value = series.after_visits(visits)
    kept = channel < WEIGHT
    return times[kept], channel[kept], value[kept]


def test_a_patient_without_observations_has_the_prior_as_twin():
    twin = MODEL.adapt(START, empty_series())
    np.testing.assert_allclose(twin.mean, START["mean"])
    np.testing.assert_allclose(twin.covariance, MODEL.covariance(START), atol=1e-12)
    nothing = MODEL.predict(twin, np.zeros(0), np.zeros(0, np.int64))
    assert nothing.mean.shape == (0,)


@pytest.mark.parametrize("visits", [0, 3])
def test_the_differentiable_part_agrees_with_adapt_and_predict(visits):
    for series in patients(2, seed=visits):
        mean, variance = (one.numpy() for one in conditional(START, series, visits))
        twin = MODEL.adapt(START, series.first_visits(visits))
        times, channel, _ = results_after(series, visits)
        if len(times) == 0:
            times, channel = series.times[:5], series.channel[:5]
        rows = [
            int(np.flatnonzero((series.times == t) & (series.channel == c))[0])
            for t, c in zip(times, channel, strict=True)
        ]
        forecast = MODEL.predict(twin, times, channel)
        spread = np.array([RESULTS[c].spread for c in channel])
        centre = np.log([RESULTS[c].centre for c in channel])
        np.testing.assert_allclose(centre + spread * mean[rows], forecast.log_mean, rtol=1e-7)
        np.testing.assert_allclose(spread**2 * variance[rows], forecast.log_variance, rtol=1e-6)


def test_adaptation_finds_the_most_likely_parameters():
    """The log posterior has no slope there: a Newton step from there would gain next to nothing.

    Slopes are differences of `predict`, at another prior than the published one.
    """
    generator = np.random.default_rng(3)
    prior = unflatten(
        flatten(START, LAYOUT) + 0.1 * generator.standard_normal(size_of(LAYOUT)), LAYOUT
    )
    precision = np.linalg.inv(MODEL.covariance(prior))
    for series in patients(3, seed=11, prior=prior):
        twin = MODEL.adapt(prior, series)
        shown = series.channel < WEIGHT
        channel = series.channel[shown]
        y = MODEL.scaled(torch.tensor(channel), torch.tensor(series.value[shown])).numpy()
        spread = np.array([RESULTS[c].spread for c in channel])
        centre = np.log([RESULTS[c].centre for c in channel])

        def expected(z, twin=twin, series=series, shown=shown, spread=spread, centre=centre):
            at = replace(twin, mean=z)
            found = MODEL.predict(at, series.times[shown], series.channel[shown])
            return (found.log_mean - centre) / spread

        h = 1e-4 * np.eye(11)
        slope = np.stack(
            [(expected(twin.mean + one) - expected(twin.mean - one)) / 2e-4 for one in h], axis=1
        )
        weight = twin.noise[channel] ** -2.0
        uphill = slope.T @ (weight * (y - expected(twin.mean))) - precision @ (
            twin.mean - prior["mean"]
        )
        curvature = precision + slope.T @ (weight[:, None] * slope)
        assert 0.5 * uphill @ np.linalg.solve(curvature, uphill) < 1e-3
        np.testing.assert_allclose(twin.covariance, np.linalg.inv(curvature), atol=0.02)


def test_more_steps_change_next_to_nothing():
    series = patients(32, seed=5)
    mean, variance, _, results, _ = conditionals(series, 3)
    settled, *_ = conditionals(series, 3, SickleCellModel(steps=8))
    distance = (np.abs(mean - settled) / np.sqrt(variance) * results).max(axis=1)
    assert np.median(distance) < 0.01
    assert np.quantile(distance, 0.95) < 0.1


def test_patients_at_once_are_patients_one_by_one():
    series = patients(3, seed=15)
    mean, variance, *_ = conditionals(series, 2)
    for row, one in enumerate(series):
        alone = conditional(START, one, 2)
        np.testing.assert_allclose(mean[row, : len(one)], alone[0].numpy(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(variance[row, : len(one)], alone[1].numpy(), rtol=1e-9)


def test_predictive_intervals_hold_what_they_say_on_patients_of_the_model():
    """Coverage of 90 % intervals stays between 85 and 95 %, and forecasts come nearer."""
    series = patients(64, seed=21, visits=np.append(VISITS, [2.0, 3.0]))
    errors = []
    for visits in (0, 1, 4):
        mean, variance, y, results, visit = conditionals(series, visits)
        later = results & (visit >= 7)
        error = (y - mean)[later]
        inside = np.abs(error) <= 1.6449 * np.sqrt(variance[later])
        assert 0.85 <= inside.mean() <= 0.95, visits
        errors.append(np.sqrt((error**2).mean()))
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.75 * errors[0]


def test_meta_gradients_are_the_slopes_of_the_loss_and_ignore_who_else_is_there():
    series = patients(2, seed=2, visits=VISITS[:4])
    generator = np.random.default_rng(7)
    theta = flatten(START, LAYOUT) + 0.2 * generator.standard_normal(size_of(LAYOUT))
    batch = stack(series, 32)
    rows = batch_meta_gradients(MODEL, theta, batch, 2)
    assert np.isfinite(rows).all()
    assert (np.abs(rows).sum(axis=1) > 0).all()
    direction = generator.standard_normal(theta.shape)
    h = 1e-5
    slope = (
        patient_losses(MODEL, theta + h * direction, batch, 2)
        - patient_losses(MODEL, theta - h * direction, batch, 2)
    ) / (2 * h)
    np.testing.assert_allclose(rows @ direction, slope, rtol=2e-4, atol=1e-6)
    alone = batch_meta_gradients(MODEL, theta, stack(series[:1], 32), 2)
    np.testing.assert_array_equal(alone[0], rows[0])


def test_a_patients_gradient_has_the_same_bits_alone_and_in_any_company():
    series = [
        *patients(9, seed=3, visits=VISITS[:3]),
        *patients(12, seed=4),
        *patients(2, seed=5, visits=np.linspace(0.0, 4.0, 15)),
    ]
    theta = flatten(START, LAYOUT) + 0.2 * np.random.default_rng(1).standard_normal(33)
    rows = meta_gradients(MODEL, theta, series, 3)
    assert (np.abs(rows).sum(axis=1) > 0).all()
    order = np.random.default_rng(2).permutation(len(series))
    shuffled = meta_gradients(MODEL, theta, [series[i] for i in order], 3)
    np.testing.assert_array_equal(shuffled, rows[order])
    for place in (0, 12, 22):
        alone = meta_gradients(MODEL, theta, [series[place]], 3)
        np.testing.assert_array_equal(alone[0], rows[place])


def test_doses_and_weights_are_given_not_scored():
    (series,) = patients(1, seed=4)
    mean, variance = conditional(START, series, 2)
    inputs = torch.tensor(series.channel >= WEIGHT)
    channel = torch.tensor(series.channel)
    y = MODEL.scaled(channel, torch.tensor(series.value))
    assert torch.equal(mean[inputs], y[inputs])
    density = 0.5 * torch.log(2 * torch.pi * variance[inputs])
    assert float(density.abs().max()) < 1e-12
    assert MODEL.inputs == {WEIGHT, DOSE}
    with pytest.raises(ValueError, match="inputs of model"):
        MODEL.predict(population(), np.zeros(1), np.array([DOSE]))


def test_a_forecast_does_not_look_at_later_doses():
    (series,) = patients(1, seed=4)
    other = series.value.copy()
    later_doses = (series.channel == DOSE) & (series.times > 0.2)
    assert later_doses.any()
    other[later_doses] = 100.0
    changed = PatientSeries(series.times, series.channel, other)
    results = torch.tensor(series.channel < WEIGHT)
    before, after = (conditional(START, one, 3)[0] for one in (series, changed))
    assert torch.equal(before[results], after[results])


def test_a_patient_not_yet_treated_is_expected_to_begin_the_usual_dose_now():
    (series,) = patients(1, seed=4)
    first = series.first_visits(1)
    assert (first.value[first.channel == DOSE] == 0).all()
    twin, times, hbf = MODEL.adapt(START, first), np.array([0.0, 2.0]), np.zeros(2, np.int64)
    usual = twin.with_doses(np.array([0.0]), np.array([20.0 * 62.0]))
    never = twin.with_doses(np.array([0.0]), np.array([0.0]))
    expected = MODEL.predict(twin, times, hbf).mean
    np.testing.assert_allclose(expected, MODEL.predict(usual, times, hbf).mean)
    untreated = MODEL.predict(never, times, hbf).mean
    assert expected[1] > 1.3 * untreated[1]
    # A mean, noise included; the later one is a little less sure.
    assert untreated[1] == pytest.approx(untreated[0], rel=0.02)


@pytest.mark.parametrize("visits", [31, 32, 40, 61, 62])
def test_a_stop_is_the_last_word_however_often_the_dose_was_recorded(visits):
    months = np.arange(visits) / 12
    doses = np.append(np.full(visits - 1, 1200.0), 0.0)
    hbf = np.full(visits, 15.0)
    series = PatientSeries(
        np.repeat(months, 2),
        np.tile(np.array([0, DOSE]), visits),
        np.stack([hbf, doses], axis=1).ravel(),
    )
    twin = MODEL.adapt(START, series)
    without = twin.with_doses(np.array([0.0]), np.array([0.0]))
    years_after = months[-1:] + 10.0
    ahead = MODEL.course(twin, years_after)
    settled = MODEL.course(without, years_after)
    for found, expected in zip(ahead, settled, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-3)


def test_no_doses_at_all_is_a_patient_who_is_never_treated():
    twin, none = MODEL.adapt(START, patients(1, seed=4)[0]), np.zeros(0)
    times = np.array([0.0, 0.5, 3.0])
    found = MODEL.course(twin.with_doses(none, none), times)
    zero = MODEL.course(twin.with_doses(np.zeros(1), np.zeros(1)), times)
    for one, other in zip(found, zero, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_what_if_answers_go_the_right_way():
    twin = MODEL.adapt(START, patients(1, seed=4)[0])
    times, hbf, anc = np.array([3.0]), np.array([0]), np.array([3])
    stopped = twin.with_doses(np.array([0.0]), np.array([0.0]))
    raised = twin.with_doses(np.array([0.0]), np.array([2000.0]))
    assert MODEL.predict(stopped, times, hbf).mean < MODEL.predict(twin, times, hbf).mean
    assert MODEL.predict(raised, times, hbf).mean > MODEL.predict(twin, times, hbf).mean
    assert MODEL.predict(raised, times, anc).mean < MODEL.predict(twin, times, anc).mean
    assert MODEL.course(raised, times).crises < MODEL.course(stopped, times).crises
    for doses in (np.array([-1.0]), np.array([np.nan])):
        with pytest.raises(ValueError, match="must be finite"):
            twin.with_doses(np.zeros(1), doses)
    with pytest.raises(ValueError, match="one length"):
        twin.with_doses(np.zeros(2), np.zeros(1))


def test_predicted_moments_are_those_of_simulated_futures():
    twin = MODEL.adapt(START, patients(1, seed=6)[0])
    times, channel = np.array([2.0, 2.0, 2.0, 3.0, 3.0]), np.arange(5)
    draws = MODEL.simulate(twin, times, channel, np.random.default_rng(1), draws=10_000)
    forecast = MODEL.predict(twin, times, channel)
    shift = np.array([result.shift for result in RESULTS])
    np.testing.assert_allclose(draws[:, :4].mean(axis=0), forecast.mean[:4], rtol=0.06)
    logs = np.log(draws + shift)
    np.testing.assert_allclose(logs[:, :4].mean(axis=0), forecast.log_mean[:4], atol=0.05)
    np.testing.assert_allclose(
        np.sqrt(logs.var(axis=0)[:4]), np.sqrt(forecast.log_variance[:4]), rtol=0.15
    )
    assert (draws >= 0).all()
    again = MODEL.simulate(twin, times, channel, np.random.default_rng(1), draws=10_000)
    np.testing.assert_array_equal(draws, again)


def test_no_simulated_result_is_one_that_a_site_would_refuse():
    """HbF is a share of haemoglobin, and a score of pain ends at 10; the model's own equations know
    neither: 0.4 % of HbF and 1 % of scores drawn from the published population were beyond."""
    times, channel = np.repeat([0.0, 1.0, 5.0], len(RESULTS)), np.tile(np.arange(len(RESULTS)), 3)
    draws = MODEL.simulate(population(), times, channel, np.random.default_rng(1), draws=4_000)
    for place, result in enumerate(RESULTS):
        code = find_code(result.channel.loinc)
        assert result.most == code.high
        drawn = draws[:, channel == place]
        assert code.low <= drawn.min() and drawn.max() <= code.high, result.channel.name


def test_zeros_and_pauses_are_usable():
    values = np.array([0.0, 90.0, 7.0, 0.0, 0.0, 60.0, 0.0])
    series = PatientSeries(np.zeros(7), np.arange(7), values)
    twin = MODEL.adapt(START, series)
    assert np.isfinite(twin.mean).all()
    theta = flatten(START, LAYOUT)
    later = PatientSeries(np.repeat([0.0, 1.0], 7), np.tile(np.arange(7), 2), np.tile(values, 2))
    rows = batch_meta_gradients(MODEL, theta, stack([later], 16), 1)
    assert np.isfinite(rows).all()
    assert np.abs(rows).sum() > 0


def test_values_and_channels_outside_the_model_are_refused():
    with pytest.raises(ValueError, match="channel must be from 0 to 6"):
        MODEL.adapt(START, PatientSeries(np.zeros(1), np.array([7]), np.ones(1)))
    with pytest.raises(ValueError, match="not below zero"):
        MODEL.adapt(START, PatientSeries(np.zeros(1), np.array([0]), -np.ones(1)))
    with pytest.raises(ValueError, match="one length"):
        MODEL.predict(population(), np.zeros(2), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="at least one step"):
        SickleCellModel(steps=0)


def test_the_model_is_small_enough_for_privacy_and_names_all_it_learns():
    model: TwinModel = MODEL
    assert size_of(model.prior_layout) == 33
    assert len(model.gradient_scale()) == 33
    assert 6 <= len(model.parameter_names) <= 12
    assert flatten(model.initial_prior(), model.prior_layout).shape == (33,)
    assert [(c.loinc, c.unit) for c in model.channels] == [
        ("4576-5", "%"),
        ("787-2", "fL"),
        ("718-7", "g/dL"),
        ("751-8", "10*3/uL"),
        ("72514-3", "{score}"),
        ("29463-7", "kg"),
        ("rxnorm-5552", "mg/d"),
    ]
