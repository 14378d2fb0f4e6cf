"""Chain time as people and documents write it: contracts hold numbers that no calendar has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

#: 9999-12-31T23:59:59Z: years have four digits (ISO 8601), and the chain's uint40 goes further.
LAST_SECOND: Final = 253_402_300_799


def utc(seconds: int) -> str:
    """A block's time (s since 1970) as a date and a time of day in UTC, to the second.

    What is after the year 9999 is shown as it is.
    """
    if seconds > LAST_SECOND:
        return f"second {seconds}"
    return f"{date_time(seconds):%Y-%m-%d %H:%M:%S} UTC"


def moment(seconds: int) -> str:
    """As `utc`, to the minute, and without numbers: for people who are no engineers."""
    if seconds > LAST_SECOND:
        return "the end of the calendar"
    return f"{date_time(seconds):%Y-%m-%d %H:%M} UTC"


def date_time(seconds: int) -> datetime:
    """A time (s since 1970) for documents; what is after the year 9999 is its last second."""
    return datetime.fromtimestamp(min(seconds, LAST_SECOND), UTC)
