"""A patient's meta-gradient: right, theirs alone, and zero when their record is unusable."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.app.learning.meta_gradient import (
    ROWS_AT_ONCE,
    batch_meta_gradients,
    meta_gradients,
    patient_losses,
)
from federation.app.learning.usable import LARGEST, LONGEST
from twin.log_linear import LogLinearModel
from twin.pbc_labs import LABS
from twin.prior import flatten, unflatten
from twin.series import PatientBatch, PatientSeries, empty_series, stack
from twin.sickle_cell.channels import WEIGHT
from twin.sickle_cell.model import SickleCellModel

MODEL = LogLinearModel()
SIZE = 50
VISITS = 3


def prior(seed: int = 0) -> np.ndarray:
    start = flatten(MODEL.initial_prior(), MODEL.prior_layout)
    return start + 0.3 * np.random.default_rng(seed).standard_normal(SIZE)


def patient(seed: int, visits: int) -> PatientSeries:
    generator = np.random.default_rng(seed)
    when = np.cumsum(np.append(0.0, generator.uniform(0.2, 1.5, visits - 1)))
    times, channel = np.repeat(when, len(LABS)), np.tile(np.arange(len(LABS)), visits)
    kept = (generator.random(len(times)) < 0.8) | (times == 0)
    centre = np.array([lab.centre for lab in LABS])[channel]
    value = centre * np.exp(0.3 * generator.standard_normal(len(times)))
    return PatientSeries(times[kept], channel[kept], value[kept])


class Differentiated:
    """The same model, which does not know its own gradient."""

    def __init__(self, model: LogLinearModel = MODEL) -> None:
        self._model = model

    def __getattr__(self, name: str) -> object:
        if name == "loss_gradients":
            raise AttributeError(name)
        return getattr(self._model, name)


BOTH = pytest.mark.parametrize(
    "model", [MODEL, Differentiated()], ids=["in closed form", "differentiated"]
)


@BOTH
def test_the_gradient_agrees_with_finite_differences(model):
    patients = [patient(seed, visits) for seed, visits in ((1, 2), (2, 5), (3, 9))]
    batch, at, step = stack(patients), prior(), 1e-5
    gradients = batch_meta_gradients(model, at, batch, VISITS)
    for coordinate in range(SIZE):
        nudge = np.zeros(SIZE)
        nudge[coordinate] = step
        up = patient_losses(MODEL, at + nudge, batch, VISITS)
        down = patient_losses(MODEL, at - nudge, batch, VISITS)
        expected = (up - down) / (2 * step)
        np.testing.assert_allclose(gradients[:, coordinate], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("support_visits", [0, 1, 6])
def test_the_closed_form_is_the_derivative_that_torch_finds(support_visits):
    patients = [patient(seed, visits) for seed, visits in enumerate((1, 2, 4, 9, 13, 30))]
    at_once = PatientSeries(
        np.array([0.0, 2, 2, 2, 2, 5]), np.array([1, 0, 0, 0, 2, 0]), np.full(6, 1.3)
    )
    one_lab = PatientSeries(np.array([0.0, 0.5, 20.0]), np.array([3, 3, 3]), np.full(3, 12.0))
    many = [*patients, at_once, one_lab]
    for seed in range(3):
        np.testing.assert_allclose(
            meta_gradients(MODEL, 2 * prior(seed), many, support_visits),
            meta_gradients(Differentiated(), 2 * prior(seed), many, support_visits),
            rtol=1e-8,
            atol=1e-11,
        )


@pytest.mark.parametrize("labs", [1, 2])
def test_the_closed_form_is_that_of_a_model_with_few_labs_too(labs):
    few = LogLinearModel(LABS[:labs], name="few-labs")
    at = flatten(few.initial_prior(), few.prior_layout)
    at += 0.3 * np.random.default_rng(1).standard_normal(at.size)
    times, channel = np.repeat([0.0, 0.7, 2.0, 3.5], labs), np.tile(np.arange(labs), 4)
    series = [PatientSeries(times, channel, np.linspace(1.0, 9.0, len(times)))]
    np.testing.assert_allclose(
        meta_gradients(few, at, series, VISITS),
        meta_gradients(Differentiated(few), at, series, VISITS),
        rtol=1e-8,
        atol=1e-11,
    )


def test_the_loss_is_the_mean_log_density_that_adapt_and_predict_give():
    one, at = patient(4, 6), prior(2)
    named = unflatten(at, MODEL.prior_layout)
    spread = np.array([lab.spread for lab in LABS])
    terms = []
    for k in range(VISITS + 1):
        times, channel, value = one.after_visits(k)
        forecast = MODEL.predict(MODEL.adapt(named, one.first_visits(k)), times, channel)
        variance = forecast.log_variance / spread[channel] ** 2
        error = (np.log(value) - forecast.log_mean) / spread[channel]
        terms.append((0.5 * (np.log(2 * math.pi * variance) + error**2 / variance)).mean())
    assert patient_losses(MODEL, at, stack([one]), VISITS) == pytest.approx(np.mean(terms))


def test_support_visits_that_leave_no_later_visit_are_left_out():
    short = patient(5, 2)
    batch = stack([short])
    losses = [patient_losses(MODEL, prior(), batch, k)[0] for k in (1, 2, 7)]
    assert losses[0] == losses[1] == losses[2]


@BOTH
@settings(deadline=None, max_examples=20)
@given(
    visits=st.lists(st.integers(1, 12), min_size=1, max_size=35),
    seed=st.integers(0, 1000),
    shuffler=st.randoms(use_true_random=False),
)
def test_a_patients_gradient_has_the_same_bits_alone_and_in_any_company(
    model, visits, seed, shuffler
):
    patients = [patient(seed + i, count) for i, count in enumerate(visits)]
    together = meta_gradients(model, prior(), patients, VISITS)
    order = list(range(len(patients)))
    shuffler.shuffle(order)
    shuffled = meta_gradients(model, prior(), [patients[i] for i in order], VISITS)
    np.testing.assert_array_equal(shuffled, together[order])
    for row, one in list(zip(together, patients, strict=True))[:3]:
        np.testing.assert_array_equal(meta_gradients(model, prior(), [one], VISITS)[0], row)


def test_the_vmapped_gradient_equals_a_loop_of_plain_autograd():
    patients = [patient(seed, visits) for seed, visits in ((1, 4), (2, 7), (3, 1))]
    rows = meta_gradients(MODEL, prior(), patients, 2)
    for row, one in zip(rows, patients, strict=True):
        named = {
            name: torch.tensor(array, requires_grad=True)
            for name, array in unflatten(prior(), MODEL.prior_layout).items()
        }
        channel = torch.tensor(one.channel)
        scaled = MODEL.scaled(channel, torch.tensor(one.value))
        losses = []
        for k in range(min(3, one.visit.max() + 1)):
            support = torch.tensor((one.visit < k).astype(float))
            mean, variance = MODEL.conditional(
                named, torch.tensor(one.times), channel, scaled, support
            )
            normal = torch.distributions.Normal(mean, variance.sqrt())
            losses.append(-normal.log_prob(scaled)[support == 0].mean())
        torch.stack(losses).mean().backward()
        expected = np.concatenate([tensor.grad.reshape(-1).numpy() for tensor in named.values()])
        np.testing.assert_allclose(row, expected, rtol=1e-8, atol=1e-12)


def spoilt(kind: str) -> PatientSeries | None:
    good = patient(9, 4)
    value = good.value.copy()
    if kind == "huge":
        value[-1] = 1e308
        spread = min(lab.spread for lab in LABS)
        assert math.log(1e308) / spread < LARGEST  # believed, so it must be the gradient that copes
        return PatientSeries(good.times, good.channel, value)
    if kind == "far future":
        return PatientSeries(np.array([0.0, 1e9]), np.array([0, 0]), np.ones(2))
    if kind == "zero":
        value[-1] = 0.0
    if kind == "negative":
        value[-1] = -1.0
    if kind == "unknown channel":
        return PatientSeries(good.times, good.channel + 5, value)
    if kind == "too long":
        return PatientSeries(
            np.zeros(LONGEST + 1), np.zeros(LONGEST + 1, np.int64), np.ones(LONGEST + 1)
        )
    if kind == "missing":
        return None
    if kind == "empty":
        return empty_series()
    return PatientSeries(good.times, good.channel, value)


@pytest.mark.parametrize(
    "kind",
    ["missing", "empty", "zero", "negative", "unknown channel", "too long", "far future"],
)
def test_an_unusable_record_gives_exactly_zero_and_touches_no_other(kind):
    good = [patient(seed, 3 + seed) for seed in range(4)]
    expected = meta_gradients(MODEL, prior(), good, VISITS)
    rows = meta_gradients(MODEL, prior(), [good[0], spoilt(kind), *good[1:]], VISITS)
    assert rows[1].tobytes() == bytes(8 * SIZE)
    np.testing.assert_array_equal(np.delete(rows, 1, axis=0), expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["value", "times"])
def test_a_number_that_is_not_finite_in_a_batch_gives_exactly_zero(bad, where):
    batch = stack([patient(seed, 4) for seed in range(3)], 32)
    clean = batch_meta_gradients(MODEL, prior(), batch, VISITS)
    columns = {
        name: getattr(batch, name).copy()
        for name in ("times", "channel", "value", "visit", "observed")
    }
    columns[where][1, 2] = bad
    rows = batch_meta_gradients(MODEL, prior(), PatientBatch(**columns), VISITS)
    assert rows[1].tobytes() == bytes(8 * SIZE)
    np.testing.assert_array_equal(rows[[0, 2]], clean[[0, 2]])


def test_a_huge_but_finite_value_gives_a_finite_row():
    rows = meta_gradients(MODEL, prior(), [spoilt("huge"), patient(1, 5)], VISITS)
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(
        rows[1], meta_gradients(MODEL, prior(), [patient(1, 5)], VISITS)[0]
    )


@BOTH
def test_a_gradient_that_overflows_gives_exactly_zero(model):
    extreme = prior()
    extreme[-5:] = -400.0  # noise so small that the density overflows
    rows = meta_gradients(model, extreme, [patient(1, 5), patient(2, 1)], VISITS)
    assert np.isfinite(rows).all()
    assert not rows[0].any()


@pytest.mark.parametrize(("visits", "weights"), [(1, 8), (2, 5), (4, 2), (5, 40)])
def test_weights_crowded_into_few_visits_do_not_stop_the_round(visits, weights):
    """Dates without times of day put several weights into one visit; the last visit, which is never
    support, has the rest of what the model has room for.
    """
    model = SickleCellModel()
    at = flatten(model.initial_prior(), model.prior_layout)
    times = np.repeat(np.arange(visits) / 10, weights + 1)
    channel = np.tile(np.array([0] + [WEIGHT] * weights, dtype=np.int64), visits)
    value = np.tile(np.array([8.0] + [60.0] * weights), visits)
    one = PatientSeries(times, channel, value)
    row = meta_gradients(model, at, [one], 5)[0]
    direction = np.random.default_rng(1).standard_normal(at.size)
    up, down = (
        patient_losses(model, at + step * direction, stack([one]), 5)[0] for step in (1e-5, -1e-5)
    )
    assert row.any()
    assert row @ direction == pytest.approx((up - down) / 2e-5, rel=1e-4)


def test_no_patients_give_no_rows():
    assert meta_gradients(MODEL, prior(), [], VISITS).shape == (0, SIZE)


def test_an_unusable_prior_or_number_of_visits_is_refused():
    with pytest.raises(ValueError, match=r"prior must be float64 \[50\]"):
        meta_gradients(MODEL, np.zeros(49), [patient(1, 2)], VISITS)
    with pytest.raises(ValueError, match="finite"):
        meta_gradients(MODEL, np.full(SIZE, np.nan), [patient(1, 2)], VISITS)
    with pytest.raises(ValueError, match="must not be negative"):
        meta_gradients(MODEL, prior(), [patient(1, 2)], -1)


def test_threads_and_the_callers_settings_do_not_matter_and_are_kept():
    patients = [patient(seed, 5) for seed in range(3)]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        torch.manual_seed(1)
        first = meta_gradients(MODEL, prior(), patients, VISITS)
        assert torch.get_num_threads() == 2
        torch.manual_seed(2)
        torch.set_num_threads(1)
        again = meta_gradients(MODEL, prior(), patients, VISITS)
    finally:
        torch.set_num_threads(threads)
    assert not torch.are_deterministic_algorithms_enabled()
    np.testing.assert_array_equal(first, again)


@BOTH
def test_a_long_record_is_computed_in_parts_and_its_gradient_is_that_of_the_whole_loss(model):
    """70 support counts of 1,024 rows are more than are computed at once."""
    one, at = patient(6, 240), prior(3)
    assert 512 < len(one) <= 1024
    counts = 70
    assert counts > ROWS_AT_ONCE // 1024
    row = meta_gradients(model, at, [one], counts)[0]
    direction = np.random.default_rng(4).standard_normal(SIZE)
    up, down = (
        patient_losses(MODEL, at + step * direction, stack([one]), counts)[0]
        for step in (1e-5, -1e-5)
    )
    assert row @ direction == pytest.approx((up - down) / 2e-5, rel=1e-4)
