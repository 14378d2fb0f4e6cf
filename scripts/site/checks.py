"""`assent site preflight` and `assent site health`."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import BadInput, JsonOption, say, show_json, show_table, tick
from scripts.exit_codes import REFUSED
from scripts.site.options import Folder

if TYPE_CHECKING:
    from federation.gate.preflight import Check

_EVERYONE = 0o644


def preflight(folder: Folder, json_: JsonOption = False) -> None:
    """Check everything that a round will need, and say what to do about what is missing.

    Sends nothing. Exits with 0 when every check holds, else with 1.
    """
    from federation.gate.preflight import Preflight

    _tell("Preflight", list(Preflight(_existing(folder)).run()), "Ready.", json_)


def health(
    folder: Folder,
    prometheus: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.prom",
            help="Write the answers for node_exporter's textfile collector as well.",
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Check what can go wrong while this site runs; for a monitoring system, every few minutes.

    Sends nothing and changes nothing. Exits with 0 when every check holds, else with 1. What each
    alarm asks for is in docs/site-engineer.md. No line names a record or a patient.
    """
    from federation.gate.health import health as ask
    from scripts.site.processes import names_of_running

    found = _existing(folder)
    checks = list(ask(found, names_of_running(found)))
    if prometheus is not None:
        _write_whole(prometheus, _metrics(checks))
    _tell("Health", checks, "All is well.", json_)


def _plain(check: Check) -> dict[str, object]:
    return asdict(check) | {"ok": check.ok}


def _tell(title: str, checks: list[Check], well: str, json_: bool) -> None:
    from federation.gate.preflight import Outcome

    failed = [check for check in checks if not check.ok]
    if json_:
        show_json({"ok": not failed, "checks": [_plain(check) for check in checks]})
    else:
        show_table(
            title,
            ["", "check", "found"],
            [(tick(check.ok), check.name, check.found) for check in checks],
        )
        for check in failed:
            if check.outcome is not Outcome.WAITS:  # what waits needs nothing of its own
                say(f"✗ {check.name}: {check.remedy}.")
        for check in checks:
            if check.warning:
                say(f"! {check.name}: {check.warning}.")
        say(well if not failed else f"{len(failed)} of {len(checks)} checks fail.")
    if failed:
        raise typer.Exit(REFUSED)


def _metrics(checks: Sequence[Check]) -> str:
    """The Prometheus text exposition format, version 0.0.4."""
    lines = [
        "# HELP assent_site_check 1 where a check of the site holds.",
        "# TYPE assent_site_check gauge",
    ]
    lines += [f'assent_site_check{{check="{one.name}"}} {int(one.ok)}' for one in checks]
    lines += [
        "# HELP assent_site_warning 1 where somebody should know of a check that holds.",
        "# TYPE assent_site_warning gauge",
    ]
    lines += [
        f'assent_site_warning{{check="{one.name}"}} {int(bool(one.warning))}' for one in checks
    ]
    lines += [
        "# HELP assent_site_checked_seconds When they were asked, in seconds since 1970.",
        "# TYPE assent_site_checked_seconds gauge",
        f"assent_site_checked_seconds {time.time():.0f}",
    ]
    return "\n".join(lines) + "\n"


def _write_whole(path: Path, text: str) -> None:
    # In one step, and readable for the collector: there is nothing secret in it.
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(handle, _EVERYONE)
            file.write(text)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _existing(folder: Path) -> Path:
    # A folder that is open to others is one of the checks; one that is not there cannot be checked.
    if not (folder / "keys").is_dir():
        raise BadInput(f"{folder} is no site's folder; make one with `assent site init`")
    return folder.absolute()
