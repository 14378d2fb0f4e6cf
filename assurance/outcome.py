"""What one check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class CheckError(Exception):
    """A check could not be carried out, so it shows nothing; the message says what to do."""


@dataclass(frozen=True)
class Outcome:
    """One check's result. `problems` are sentences; the check passed when there are none.

    `summary` is one line for the table, `figures` what summary.json keeps (JSON types only).
    """

    summary: str
    problems: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.problems
