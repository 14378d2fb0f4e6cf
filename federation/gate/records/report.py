"""What a load did, as data: counts, conversions and rejected lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from federation.gate.records.rejections import Rejection, RejectionCode

MAX_LISTED: Final = 1000
"""Rejections kept in full, so that a load of millions of unusable lines keeps bounded memory."""


@dataclass(slots=True)
class LoadReport:
    """Counts of one load. Every rejected line is counted; the first MAX_LISTED are listed.

    `files`: label -> lines read. `resources`: type -> outcome -> count, where outcome is added,
    updated, unchanged, superseded (an older version than the one kept), removed (marked as an
    error, cancelled or inactive). `skipped`: resource types not used, or LIS rows without a value
    or with an unmapped code that the mapping says to skip. `conversions`: (LOINC, from, to) ->
    count, only where a unit was changed. `censored`: values the mapping put at a detection limit.
    `dropped_with_patient`: stored results dropped because their patient became inactive or
    conflicting, or turned out to be born later.
    """

    files: dict[str, int] = field(default_factory=dict)
    resources: dict[str, Counter[str]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    conversions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    censored: int = 0
    dropped_with_patient: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    rejected_by_code: Counter[RejectionCode] = field(default_factory=Counter)

    @property
    def rejected(self) -> int:
        """How many lines were rejected."""
        return self.rejected_by_code.total()

    @property
    def loaded(self) -> int:
        """How many resources were added, updated or found unchanged."""
        used = ("added", "updated", "unchanged")
        return sum(counts[outcome] for counts in self.resources.values() for outcome in used)

    def count(self, resource: str, outcome: str) -> None:
        """Count one resource that was not rejected."""
        self.resources.setdefault(resource, Counter())[outcome] += 1

    def reject(self, rejection: Rejection) -> None:
        """Count one rejected line and list it while there is room."""
        self.rejected_by_code[rejection.code] += 1
        if len(self.rejections) < MAX_LISTED:
            self.rejections.append(rejection)

    def to_json(self) -> dict[str, object]:
        """Plain values, ready for json.dumps, in a stable order."""
        return {
            "files": dict(self.files),
            "resources": {k: dict(sorted(v.items())) for k, v in sorted(self.resources.items())},
            "skipped": dict(sorted(self.skipped.items())),
            "conversions": [
                {"loinc": loinc, "from": source, "to": target, "count": count}
                for (loinc, source, target), count in sorted(self.conversions.items())
            ],
            "censored": self.censored,
            "dropped_with_patient": self.dropped_with_patient,
            "rejected": self.rejected,
            "rejected_by_code": {str(k): v for k, v in sorted(self.rejected_by_code.items())},
            "rejections": [rejection.to_json() for rejection in self.rejections],
            "rejections_not_listed": self.rejected - len(self.rejections),
        }
