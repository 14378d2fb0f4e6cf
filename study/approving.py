"""Until when an approval is to hold: given by a reviewer, checked against what the chain allows."""

from __future__ import annotations

import re
from datetime import UTC, datetime

DAY = 86_400
#: A year less a day, so that a review that is carried a day late is still within the year.
USUAL_SECONDS = 364 * DAY
#: 45 CFR 46.109(e) asks for review at least once a year; StudyRegistry.MAX_APPROVAL_SECONDS.
LONGEST_SECONDS = 366 * DAY
_UNITS = {"d": 1, "w": 7, "m": 30, "y": 365}


def expiry(text: str | None, now: int) -> int:
    """First second at which an approval no longer holds, seconds since 1970.

    Args:
        text: a date (`2027-03-01`: until the end of the day before, UTC), a length of time
            (`90d`, `12w`, `6m` of 30 days, `1y` of 365), or None: a year less a day.
        now: chain time.

    Raises:
        ValueError: it is neither, is over, or is more than 366 days ahead.
    """
    until = now + USUAL_SECONDS if text is None else _parsed(text, now)
    if until <= now:
        raise ValueError(f"{text} is over already")
    if until > now + LONGEST_SECONDS:
        raise ValueError(
            f"{text} is more than 366 days ahead: a study is reviewed at least once a year"
        )
    return until


def _parsed(text: str, now: int) -> int:
    length = re.fullmatch(r"(\d{1,4})([dwmy])", text)
    if length is not None:
        return now + int(length[1]) * _UNITS[length[2]] * DAY
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise ValueError(f"{text!r} is neither a date such as 2027-03-01 nor 90d, 6m, 1y") from None
