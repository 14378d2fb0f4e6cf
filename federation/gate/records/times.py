"""Times as integers: microseconds since 1970-01-01T00:00:00Z, the form that the store keeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from federation.gate.records.rejections import Refused
from federation.gate.records.rejections import RejectionCode as Code

Clock = Callable[[], datetime]
"""Returns the time now, with a zone."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# No zone is further ahead of UTC than 14 hours, so no birthday begins earlier than that.
_ZONE_SLACK: Final = timedelta(hours=14)
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)

# FHIR R4 dateTime: a year, a month, a day, or a full time with its zone.
_DATE_TIME: Final = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(?P<time>T\d\d:\d\d:\d\d)?(\.(?P<fraction>\d+))?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?",
    re.ASCII,
)


def system_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of a time with a zone."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The inverse of `to_us`, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def parse_fhir_time(text: object, zone: tzinfo) -> int:
    """A FHIR dateTime or instant, in microseconds; a date without a time is midnight in `zone`.

    Refuses with DATE_MISSING, DATE_INVALID or DATE_TOO_COARSE (a year or a month alone).
    """
    if text is None or text == "":
        raise Refused(Code.DATE_MISSING)
    match = _DATE_TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or not isinstance(text, str):
        raise Refused(Code.DATE_INVALID)
    if match["day"] is None:
        raise Refused(Code.DATE_TOO_COARSE)
    if (match["time"] is None) != (match["zone"] is None) or (
        match["fraction"] and match["time"] is None
    ):
        raise Refused(Code.DATE_INVALID)
    whole = text[: match.start("fraction") - 1] + match["zone"] if match["fraction"] else text
    moment = _from_iso(whole)
    if match["time"] is None:
        moment = moment.replace(tzinfo=zone)
    fraction = int((match["fraction"] or "0").ljust(6, "0")[:6])
    return to_us_checked(moment) + fraction


def _from_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused(Code.DATE_INVALID) from None


def to_us_checked(moment: datetime) -> int:
    """As `to_us`, refusing what cannot be expressed in UTC (year 1 and year 9999)."""
    try:
        return to_us(moment.astimezone(UTC))
    except (OverflowError, ValueError):
        raise Refused(Code.DATE_INVALID) from None


def check_measured_at(time_us: int, now: datetime) -> None:
    """Refuse DATE_IN_FUTURE, and DATE_IMPLAUSIBLE for a time before 1900."""
    if time_us > to_us(now):
        raise Refused(Code.DATE_IN_FUTURE)
    if time_us < to_us(_EARLIEST):
        raise Refused(Code.DATE_IMPLAUSIBLE)


def earliest_birth(text: object, now: datetime) -> int | None:
    """The earliest moment, in microseconds, that a FHIR date (year, month or day) allows.

    None without a date. Refuses DATE_INVALID, DATE_IN_FUTURE and, before 1900, DATE_IMPLAUSIBLE.
    """
    if text is None:
        return None
    match = _DATE_TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or match["time"] or match["zone"] or match["fraction"]:
        raise Refused(Code.DATE_INVALID)
    moment = _from_iso(f"{match['year']}-{match['month'] or '01'}-{match['day'] or '01'}")
    if moment.year < _EARLIEST.year:
        raise Refused(Code.DATE_IMPLAUSIBLE)
    earliest = moment.replace(tzinfo=UTC) - _ZONE_SLACK
    check = to_us(earliest)
    if check > to_us(now):
        raise Refused(Code.DATE_IN_FUTURE)
    return check
