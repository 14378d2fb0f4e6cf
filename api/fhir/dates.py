"""FHIR dates in searches: a value is the interval that its precision leaves open.

https://hl7.org/fhir/R4/search.html#date. Intervals are seconds since 1970, half open.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_DATE = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb)?"
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)
Interval = tuple[float, float]


@dataclass(frozen=True)
class DateCriterion:
    """A prefix and the interval of its value."""

    prefix: str
    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> DateCriterion:
        """Raises ValueError for what is no FHIR date, and for the prefix `ap`."""
        # A plus in a URL that was not escaped has become a space.
        found = _DATE.fullmatch(text.replace(" ", "+"))
        if found is None:
            raise ValueError(f"{text[:40]!r} is not a date such as ge2026-01-31")
        prefix, *parts, zone = found.groups()
        low, high = _interval([part for part in parts if part is not None], zone)
        return cls(prefix or "eq", low, high)

    def matches(self, interval: Interval) -> bool:
        """Whether what a resource says, an instant or a period, is asked for."""
        start, end = interval
        within = self.low <= start and end <= self.high
        return {
            "eq": within,
            "ne": not within,
            "gt": end > self.high,
            "lt": start < self.low,
            "ge": end > self.high or within,
            "le": start < self.low or within,
            "sa": start >= self.high,
            "eb": end <= self.low,
        }[self.prefix]


def interval_of(said: str | dict[str, Any]) -> Interval:
    """The interval of an instant or a Period that this service wrote (its end is inclusive)."""
    if isinstance(said, str):
        second = _second(said)
        return second, second + 1
    return _second(said["start"]), _second(said["end"]) + 1 if "end" in said else math.inf


def same_instant(one: str, other: str) -> bool:
    """Whether two FHIR date-times with a zone name the same moment."""
    try:
        first, second = datetime.fromisoformat(one), datetime.fromisoformat(other)
    except ValueError:
        return False
    return first.tzinfo is not None and second.tzinfo is not None and first == second


def _second(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _interval(parts: list[str], zone: str | None) -> Interval:
    numbers = [int(part) for part in parts]
    padded = [*numbers, 1, 1][: max(3, len(numbers))]
    offset = zone if zone and zone != "Z" else "+00:00"
    try:
        start = datetime(*padded, tzinfo=UTC)  # type: ignore[misc, arg-type]
        shift = datetime.strptime(offset, "%z").utcoffset() or timedelta()
        if len(numbers) == 1:
            end = start.replace(year=start.year + 1)
        elif len(numbers) == 2:
            end = (start + timedelta(days=31)).replace(day=1)
        else:
            end = start + _STEPS[len(numbers)]
        return (start - shift).timestamp(), (end - shift).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("there is no such date") from None


#: How long a value of so many numbers is; one with hours has minutes.
_STEPS = {3: timedelta(days=1), 5: timedelta(minutes=1), 6: timedelta(seconds=1)}
