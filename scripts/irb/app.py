"""The table of `assent irb`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "key": Command("scripts.irb.committee:key", "Make a reviewer's key; prints its address."),
    "show": Command("scripts.irb.examining:show", "Read what you would sign, checked again."),
    "approve": Command("scripts.irb.approval:approve", "Sign a study's terms, until a date."),
    "renew": Command("scripts.irb.approval:renew", "Continuing review: approve until later."),
    "suspend": Command("scripts.irb.suspension:suspend", "Stop a study; one reviewer can."),
    "sign-resume": Command("scripts.irb.suspension:sign_resume", "Sign for a study to go on."),
    "resume": Command("scripts.irb.suspension:resume", "Let a study go on, with k signatures."),
    "sign-replacement": Command(
        "scripts.irb.committee:sign_replacement", "Sign that a reviewer's seat goes to another."
    ),
    "replace-reviewer": Command(
        "scripts.irb.committee:replace_reviewer", "Give a seat to another, with k signatures."
    ),
    "sign-rollback": Command(
        "scripts.study.rollback:sign_rollback", "Sign that a study goes back to a checkpoint."
    ),
    "readmit": Command("scripts.irb.sites:readmit", "Let a barred site take part again."),
    "challenge": Command("scripts.irb.sites:challenge", "Demand a replay of a site's part."),
    "disclosure-key": Command(
        "scripts.irb.disclosures:disclosure_key", "Make a key that sites disclose cohorts to."
    ),
    "submit": Command("scripts.irb.committee:submit", "Carry what a reviewer has signed offline."),
}

app = lazy_app("irb", "Review studies: read, sign, stop.", COMMANDS)
