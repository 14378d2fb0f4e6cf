from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.gate.records.errors import ChannelUnknown
from federation.gate.records.store import Observation, Record
from federation.gate.records.to_series import series_of

DAY = datetime(2020, 1, 1, tzinfo=UTC)
CHANNELS = [("1975-2", "mg/dL"), ("777-3", "10*9/L"), ("1751-7", "g/L")]


def seen(loinc: str, unit: str, days: float, value: float) -> Observation:
    return Observation(loinc, unit, DAY + timedelta(days=days), value)


def test_times_are_years_from_the_first_observation_used_and_values_in_the_channels_units() -> None:
    record = Record(
        "r",
        (
            seen("2093-3", "mg/dL", -400, 200.0),
            seen("1751-7", "g/dL", 0, 4.2),
            seen("1975-2", "mg/dL", 365.25, 1.5),
            seen("777-3", "10*3/uL", 365.25, 250.0),
        ),
    )
    times, channel, value = series_of(record, CHANNELS)
    assert (times.dtype, channel.dtype, value.dtype) == (np.float64, np.int64, np.float64)
    assert times.tolist() == [0.0, 1.0, 1.0]
    assert channel.tolist() == [2, 0, 1]
    assert value == pytest.approx([42.0, 1.5, 250.0])


def test_a_record_without_any_of_the_channels_gives_empty_arrays() -> None:
    for record in (Record("r", ()), Record("r", (seen("2093-3", "mg/dL", 0, 200.0),))):
        assert [part.shape for part in series_of(record, CHANNELS)] == [(0,), (0,), (0,)]


@pytest.mark.parametrize(
    ("channels", "named"),
    [
        ([("2345-7", "mg/dL")], "2345-7"),
        ([("1975-2", "U/L")], "U/L"),
        ([("1975-2", "parsecs")], "parsecs"),
        ([("1975-2", "mg/dL"), ("14631-6", "umol/L")], "twice"),
    ],
)
def test_a_channel_that_cannot_be_served_is_named(
    channels: list[tuple[str, str]], named: str
) -> None:
    with pytest.raises(ChannelUnknown, match=named):
        series_of(Record("r", ()), channels)


@given(
    st.permutations(
        [
            seen("1975-2", "mg/dL", 3, 1.0),
            seen("1975-2", "mg/dL", 3, 2.0),
            seen("777-3", "10*3/uL", 3, 9.0),
            seen("777-3", "10*3/uL", 1, 8.0),
            seen("1751-7", "g/dL", 2, 4.0),
        ]
    )
)
def test_equal_records_give_equal_arrays(order: list[Observation]) -> None:
    times, channel, value = series_of(Record("r", tuple(order)), CHANNELS)
    assert (times * 365.25).round(9).tolist() == [0.0, 1.0, 2.0, 2.0, 2.0]
    assert channel.tolist() == [1, 2, 0, 0, 1]
    assert value == pytest.approx([8.0, 40.0, 1.0, 2.0, 9.0])
