"""The default twin: exact adaptation of a Gaussian process, on scales that nobody published."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from twin.prior import Prior
from twin.protocol import Channel, tensors
from twin.series import PatientSeries, empty_series
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import BEND, LARGEST, Scale, Scales

SCALES = Scales((Scale(True, 7.0, 0.2), Scale(False, -1.0, 3.0), Scale(True, 150.0, 0.4)))
CHANNELS = tuple(Channel(name, name, "1", name) for name in ("a", "b", "c"))


def model() -> TrajectoryModel:
    return TrajectoryModel(CHANNELS, SCALES, span=2.0)


def some_prior(seed: int) -> Prior:
    generator = np.random.default_rng(seed)
    start = model().initial_prior()
    return {name: one + 0.3 * generator.standard_normal(one.shape) for name, one in start.items()}


def rows(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    times = np.sort(generator.uniform(0, 4, n))
    return times - times[0], generator.integers(0, 3, n), generator.standard_normal(n)


def covariance(prior: Prior, times: np.ndarray, channel: np.ndarray) -> np.ndarray:
    """The process's covariance written out entry by entry from its definition."""
    triangle = np.eye(3)
    triangle[[1, 2, 2], [0, 0, 1]] = prior["correlation"]
    unit = triangle / np.linalg.norm(triangle, axis=1, keepdims=True)
    sd = np.exp(prior["log_sd"])
    levels = sd[:3, None] * (unit @ unit.T) * sd[:3]
    phi = 2 * (times / 2.0) / (1 + times / 2.0)
    found = np.zeros((len(times), len(times)))
    for i, (t, c) in enumerate(zip(times, channel, strict=True)):
        for j, (u, d) in enumerate(zip(times, channel, strict=True)):
            found[i, j] = levels[c, d]
            if c == d:
                pace, walk = np.exp(prior["log_pace"][c]), np.exp(prior["log_walk"][c])
                found[i, j] += sd[3 + c] ** 2 * phi[i] * phi[j]
                found[i, j] += walk**2 * np.exp(-abs(t - u) / 2.0 / pace)
    return found


@given(seed=st.integers(0, 10_000), known=st.integers(0, 9))
def test_the_forecast_is_the_gaussian_conditional(seed: int, known: int) -> None:
    times, channel, y = rows(seed, 9)
    prior = some_prior(seed)
    support = (np.arange(9) < known).astype(float)
    mean, variance = model().conditional(
        tensors(prior), *(torch.tensor(one) for one in (times, channel, y, support))
    )
    whole, noise = covariance(prior, times, channel), np.exp(2 * prior["log_noise"])[channel]
    phi = 2 * (times / 2) / (1 + times / 2)
    expected = prior["mean"][channel] + prior["mean"][3 + channel] * phi
    seen = whole[:known, :known] + np.diag(noise[:known])
    gain = np.linalg.solve(seen, whole[:known]).T if known else np.zeros((9, 0))
    np.testing.assert_allclose(mean, expected + gain @ (y - expected)[:known], atol=1e-9)
    left = np.diag(whole) - np.einsum("ij,ji->i", gain, whole[:known]) + noise
    np.testing.assert_allclose(variance, left, atol=1e-9)


@given(seed=st.integers(0, 10_000), factor=st.floats(0.2, 5.0))
def test_a_widened_prior_forecasts_the_same_with_wider_intervals(seed: int, factor: float) -> None:
    times, channel, y = (torch.tensor(each) for each in rows(seed, 9))
    support = torch.tensor((np.arange(9) < seed % 9).astype(float))
    prior = some_prior(seed)
    mean, variance = model().conditional(tensors(prior), times, channel, y, support)
    wider = tensors(model().widened(prior, factor))
    same, grown = model().conditional(wider, times, channel, y, support)
    assert torch.allclose(same, mean)
    assert torch.allclose(grown, factor**2 * variance)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 12))
def test_one_factor_serves_every_number_of_first_rows(seed: int, n: int) -> None:
    times, channel, y = (torch.tensor(one) for one in rows(seed, 12))
    seen = (torch.arange(12) < n).to(torch.float64)
    prior, first = tensors(some_prior(seed)), torch.tensor([0, 1, 2, 5, 12])
    means, variances = model().conditional_on_first(prior, times, channel, y, seen, first)
    for place, count in enumerate(first):
        support = seen * (torch.arange(12) < count)
        mean, variance = model().conditional(prior, times, channel, y, support)
        torch.testing.assert_close(means[place], mean)
        torch.testing.assert_close(variances[place], variance)


def test_a_twin_forecasts_what_conditioning_says_in_the_codes_own_unit() -> None:
    prior, m = some_prior(3), model()
    times, channel, _ = rows(3, 6)
    value = np.where(channel == 1, -2.0, np.where(channel == 0, 8.0, 170.0))
    twin = m.adapt(prior, PatientSeries(times[:4], channel[:4], value[:4]))
    ahead = m.predict(twin, times[4:], channel[4:])
    mean, variance = m.conditional(
        tensors(prior),
        torch.tensor(times),
        torch.tensor(channel),
        m.scaled(torch.tensor(channel), torch.tensor(value)),
        torch.tensor([1.0, 1, 1, 1, 0, 0]),
    )
    every = ndtri((np.arange(20_000) + 0.5) / 20_000)
    for place in (0, 1):
        code = int(channel[4 + place])
        scaled = float(mean[4 + place]) + math.sqrt(float(variance[4 + place])) * every
        drawn = SCALES.value(np.full(every.shape, code), scaled)
        assert ahead.mean[place] == pytest.approx(drawn.mean(), rel=1e-3)
        assert ahead.variance[place] == pytest.approx(drawn.var(), rel=0.01)
        if SCALES.each[code].logarithmic:
            assert ahead.log_mean[place] == pytest.approx(np.log(drawn).mean(), rel=1e-3)
            assert ahead.log_variance[place] == pytest.approx(np.log(drawn).var(), rel=0.01)


def test_drawn_futures_have_the_forecasts_moments() -> None:
    prior, m = some_prior(5), model()
    twin = m.adapt(
        prior, PatientSeries(np.array([0.0, 0.5]), np.array([1, 1]), np.array([-2.0, 0.5]))
    )
    times, channel = np.array([1.0, 3.0]), np.array([1, 1])
    drawn = m.simulate(twin, times, channel, np.random.default_rng(0), draws=20_000)
    said = m.predict(twin, times, channel)
    off = np.abs(drawn.mean(0) - said.mean) / np.sqrt(said.variance / 20_000)
    assert (off < 4).all()
    np.testing.assert_allclose(drawn.var(0), said.variance, rtol=0.05)


def test_nobody_known_means_the_prior_and_another_models_twin_is_refused() -> None:
    m = model()
    prior = m.initial_prior()
    twin = m.adapt(prior, empty_series())
    assert m.predict(twin, np.array([0.0]), np.array([1])).mean == pytest.approx(-1.0)
    with pytest.raises(ValueError, match="from 0 to 2"):
        m.predict(twin, np.array([0.0]), np.array([3]))


def test_a_scale_is_straight_near_its_centre_and_a_logarithm_in_its_tails() -> None:
    """A result of five spreads weighs less than ten of one: tails decide no squared error."""
    scales = Scales([Scale(False, 0.0, 1.0)])
    near, one, five = scales.scaled(np.zeros(3, np.int64), np.array([0.3, 1.0, 5.0]))
    assert near == pytest.approx(0.3, rel=0.01)
    assert five**2 < 10 * one**2
    assert five - BEND * math.log(2 * 5.0 / BEND) == pytest.approx(0, abs=0.05)


@given(value=st.floats(-1e12, 1e12), code=st.integers(0, 2))
def test_a_scaled_value_is_bounded_and_goes_back(value: float, code: int) -> None:
    channel = np.array([code])
    scaled = SCALES.scaled(channel, np.array([value]))
    most = BEND * math.asinh(LARGEST / BEND)
    assert abs(scaled[0]) <= most
    if abs(scaled[0]) < most and value > 1e-3 * SCALES.each[code].centre:
        assert SCALES.value(channel, scaled)[0] == pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("logarithmic", "centre", "spread"),
    [(True, 0.0, 1.0), (True, -2.0, 1.0), (False, 0.0, 0.0), (False, float("nan"), 1.0)],
)
def test_a_scale_without_meaning_is_refused(
    logarithmic: bool, centre: float, spread: float
) -> None:
    with pytest.raises(ValueError, match="scale"):
        Scale(logarithmic, centre, spread)


def test_where_nobody_is_sure_of_the_centre_a_first_result_says_where_a_patient_is() -> None:
    unsure = Scales([Scale(True, 5.0, 2.0, own=0.05)])
    model = TrajectoryModel(CHANNELS[:1], unsure, span=2.0)
    first = PatientSeries(np.zeros(1), np.zeros(1, np.int64), np.array([100.0]))
    twin = model.adapt(model.initial_prior(), first)
    ahead = model.predict(twin, np.array([1.0]), np.zeros(1, np.int64))
    assert ahead.log_mean[0] == pytest.approx(np.log(100.0), abs=0.1)
