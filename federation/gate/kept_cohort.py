"""What the journal keeps of an attempt's cohort: enough to make its tree again, for receipts."""

from __future__ import annotations

from audit import canonical_json
from audit.cohort import Status
from chain.light_dataclass import light_dataclass


@light_dataclass(frozen=True)
class KeptCohort:
    """`statuses`: of each token by its index; `block`: where they were read; `root`: 32 bytes."""

    attempt: int
    block: int
    root: bytes
    statuses: tuple[Status, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json.dumps(
            {
                "attempt": self.attempt,
                "block": self.block,
                "root": self.root.hex(),
                "statuses": [int(status) for status in self.statuses],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> KeptCohort:
        """What `to_bytes` gave. Raises ValueError or KeyError for anything else."""
        raw = canonical_json.loads(data, "kept cohort")
        statuses = tuple(Status(status) for status in raw["statuses"])
        return cls(raw["attempt"], raw["block"], bytes.fromhex(raw["root"]), statuses)
