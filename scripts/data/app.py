"""The table of `assent data`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "synth-scd": Command(
        "scripts.data.synth_scd:synth_scd", "Make a synthetic five-centre sickle-cell cohort."
    ),
}

app = lazy_app("data", "Make data to try things with.", COMMANDS)
