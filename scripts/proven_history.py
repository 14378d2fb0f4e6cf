"""A study's history out of a bundle, believed only when a trusted block proves it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from scripts.console import BadInput, say, show_table
from scripts.exit_codes import REFUSED
from scripts.known_contracts import known_contracts
from scripts.trusted_block import hash_of

if TYPE_CHECKING:
    from audit.bundle import Bundle
    from audit.consent_state import StudyState


def proven_history(
    path: Path, trust_block: str, deployment: Path, study: int | None = None
) -> tuple[Bundle, StudyState]:
    """The bundle and its history; when it is not proven it says why and ends with REFUSED.

    ``deployment``: its file; the bundle must be of its contracts. ``study``: its number, where the
    reader names it.

    Raises:
        BadInput: no block hash was given.
        BundleUnusable
    """
    from audit.bundle import read_bundle
    from audit.verify import prove_history

    trusted = hash_of(trust_block)
    if trusted is None:
        raise BadInput("a bundle proves nothing by itself: ask two sites for its block's hash")
    held = read_bundle(path)
    history, checks = prove_history(held, trusted, known_contracts(deployment), study)
    failed = [check for check in checks if not check.ok]
    if failed or history is None:
        rows = [(check.name, check.object, check.detail) for check in failed]
        show_table("The bundle does not prove its history", ("check", "object", "detail"), rows)
        say("So nothing is said of what you asked. `assent verify` checks the whole bundle.")
        raise typer.Exit(REFUSED)
    return held, history
