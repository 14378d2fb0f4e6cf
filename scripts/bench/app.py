"""The table of `assent bench`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "learning": Command(
        "scripts.bench.learning:learning", "Compare how methods learn and personalise."
    ),
}

app = lazy_app("bench", "Measure, with peers in the same run.", COMMANDS)
