"""Chain time as FHIR writes it."""

from __future__ import annotations

from audit.times import LAST_SECOND, date_time


def instant(seconds: int) -> str:
    """Seconds since 1970 as a FHIR instant; what is after the year 9999 is its last second."""
    return f"{date_time(seconds):%Y-%m-%dT%H:%M:%SZ}"


def period(start: int, end: int) -> dict[str, str]:
    """A half-open interval of the chain as a FHIR Period, whose end is inclusive.

    So the end is one second less; there is none when the chain's is after the year 9999.
    """
    shown = {"start": instant(start)}
    if end - 1 <= LAST_SECOND:
        shown["end"] = instant(end - 1)
    return shown
