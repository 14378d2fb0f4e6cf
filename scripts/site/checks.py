"""`assent site preflight`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from scripts.console import BadInput, JsonOption, say, show_json, show_table, tick
from scripts.exit_codes import REFUSED
from scripts.site.options import Folder


def preflight(folder: Folder, json_: JsonOption = False) -> None:
    """Check everything that a round will need, and say what to do about what is missing.

    Sends nothing. Exits with 0 when every check holds, else with 1.
    """
    from federation.gate.preflight import Preflight

    checks = list(Preflight(_existing(folder)).run())
    failed = [check for check in checks if not check.ok]
    if json_:
        show_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        show_table(
            "Preflight",
            ["", "check", "found"],
            [(tick(check.ok), check.name, check.found) for check in checks],
        )
        for check in failed:
            say(f"✗ {check.name}: {check.remedy}.")
        for check in checks:
            if check.warning:
                say(f"! {check.name}: {check.warning}.")
        say("Ready." if not failed else f"{len(failed)} of {len(checks)} checks fail.")
    if failed:
        raise typer.Exit(REFUSED)


def _existing(folder: Path) -> Path:
    # A folder that is open to others is one of the checks; one that is not there cannot be checked.
    if not (folder / "keys").is_dir():
        raise BadInput(f"{folder} is no site's folder; make one with `assent site init`")
    return folder.absolute()
