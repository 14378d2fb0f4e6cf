"""A series is ordered, finite and unchangeable; a batch is its series plus padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from twin.series import PatientSeries, empty_series, stack


@st.composite
def series(draw: st.DrawFn) -> PatientSeries:
    gaps = draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), max_size=12))
    times = np.cumsum(np.array([0.0, *gaps]))
    channel = draw(hnp.arrays(np.int64, len(times), elements=st.integers(0, 4)))
    value = draw(hnp.arrays(np.float64, len(times), elements=st.floats(0.1, 100)))
    return PatientSeries(times, channel, value)


@pytest.mark.parametrize(
    ("times", "channel", "value", "message"),
    [
        (np.array([0.0, 1.0]), np.array([0]), np.array([1.0, 1.0]), "differ in length"),
        (np.array([0.0, np.nan]), np.array([0, 0]), np.array([1.0, 1.0]), "finite"),
        (np.array([0.0]), np.array([0]), np.array([np.inf]), "finite"),
        (np.array([1.0, 0.5]), np.array([0, 0]), np.array([1.0, 1.0]), "never decrease"),
        (np.array([0.5]), np.array([0]), np.array([1.0]), "start at 0"),
        (np.array([0.0]), np.array([-1]), np.array([1.0]), "negative"),
        (np.array([0.0]), np.array([0.0]), np.array([1.0]), "channel must be a 1-d int64"),
        (np.array([[0.0]]), np.array([0]), np.array([1.0]), "times must be a 1-d float64"),
    ],
)
def test_an_unusable_series_is_refused(times, channel, value, message):
    with pytest.raises(ValueError, match=message):
        PatientSeries(times, channel, value)


def test_a_series_keeps_its_own_unchangeable_copy():
    value = np.array([1.0, 2.0])
    kept = PatientSeries(np.array([0.0, 1.0]), np.array([0, 1]), value)
    value[0] = 9.0
    assert kept.value[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        kept.value[0] = 9.0


@given(series(), st.integers(0, 8))
def test_first_visits_and_later_observations_divide_a_series(patient, count):
    first, later = patient.first_visits(count), patient.after_visits(count)
    assert len(first) + len(later[0]) == len(patient)
    assert len(np.unique(first.times)) == min(count, len(np.unique(patient.times)))
    assert not set(first.times) & set(later[0])


@given(st.lists(series(), min_size=1, max_size=4), st.integers(0, 5))
def test_a_batch_holds_each_series_and_nothing_else(patients, extra):
    patients = [*patients, empty_series()]
    batch = stack(patients, max(len(one) for one in patients) + extra)
    assert batch.observed.sum() == sum(len(one) for one in patients)
    for row, one in enumerate(patients):
        seen = batch.observed[row]
        np.testing.assert_array_equal(batch.times[row, seen], one.times)
        np.testing.assert_array_equal(batch.channel[row, seen], one.channel)
        np.testing.assert_array_equal(batch.value[row, seen], one.value)
        np.testing.assert_array_equal(batch.visit[row, seen], one.visit)


def test_a_series_longer_than_the_width_is_refused():
    patient = PatientSeries(np.array([0.0, 1.0]), np.array([0, 1]), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="2 observations, more than the width 1"):
        stack([patient], 1)
