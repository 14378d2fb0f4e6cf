"""What sites report of replays, as files (`assent site replay --out`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.replays import MAX_BYTES, SignedReplay


def read_replays(files: Sequence[Path]) -> list[SignedReplay]:
    """Raises what `SignedReplay.parse` raises, and OSError."""
    found = []
    for file in files:
        with file.open("rb") as opened:
            found.append(SignedReplay.parse(opened.read(MAX_BYTES + 1)))
    return found
