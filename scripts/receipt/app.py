"""The table of `assent receipt`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "verify": Command(
        "scripts.receipt.verifying:verify", "Check a receipt, offline against a bundle."
    ),
}

app = lazy_app("receipt", "Check what a hospital committed to about a patient.", COMMANDS)
