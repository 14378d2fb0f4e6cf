"""Chain time in words: the contracts' uint40 goes 35,000 years further than any calendar."""

from datetime import UTC, datetime

import pytest

from audit.times import LAST_SECOND, date_time, moment, utc


def test_times_are_dates_in_utc() -> None:
    assert utc(1_800_000_000) == "2027-01-15 08:00:00 UTC"
    assert moment(1_800_000_000) == "2027-01-15 08:00 UTC"
    assert utc(LAST_SECOND) == "9999-12-31 23:59:59 UTC"


@pytest.mark.parametrize("seconds", [LAST_SECOND + 1, (1 << 40) - 1, (1 << 256) - 1])
def test_what_no_calendar_has_is_told_all_the_same(seconds: int) -> None:
    assert utc(seconds) == f"second {seconds}"
    assert moment(seconds) == "the end of the calendar"
    assert date_time(seconds) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
