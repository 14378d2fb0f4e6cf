"""The table of `assent checkpoint`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "get": Command("scripts.checkpoint.get:get", "Fetch what a round made, checked."),
}

app = lazy_app("checkpoint", "What a study has learned.", COMMANDS)
