"""Chain time as people read it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(seconds: int) -> str:
    """A block's time (s since 1970) as a date and a time of day in UTC.

    Contracts hold numbers that no calendar has; they are shown as they are.
    """
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"
