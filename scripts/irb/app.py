"""The table of `assent irb`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "key": Command("scripts.irb.approval:key", "Make a reviewer's key; prints its address."),
    "show": Command("scripts.irb.approval:show", "Read what you would sign, checked again."),
    "approve": Command("scripts.irb.approval:approve", "Sign a study's terms."),
    "suspend": Command("scripts.irb.suspension:suspend", "Stop a study; one reviewer can."),
    "sign-resume": Command("scripts.irb.suspension:sign_resume", "Sign for a study to go on."),
    "resume": Command("scripts.irb.suspension:resume", "Let a study go on, with k signatures."),
    "submit": Command("scripts.irb.approval:submit", "Carry what a reviewer has signed offline."),
}

app = lazy_app("irb", "Review studies: read, sign, stop.", COMMANDS)
