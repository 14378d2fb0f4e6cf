"""The `assent verify` command: a reviewer checks a whole study, trusting nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from audit.report import Report
from audit.verify import verify_folder
from scripts.console import BadInput, JsonOption, say, show_json, show_table, tick


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle: its folder, or its one file.")],
    trust_block: Annotated[
        str,
        typer.Option(
            metavar="HASH",
            help="Hash of the block the bundle ends with, best learned from two sites. Without it "
            "the anchor check fails and the others still run.",
        ),
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Show every check, not one line for each kind.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute every round of a study from its bundle, offline.

    Exit code 0 when every check holds, 1 when one does not, 2 when the bundle cannot be read. A
    fault of a site that is on record, and for which it was barred, is shown and leaves 0: the
    evidence holds.
    """
    report = verify_folder(bundle, _hash(trust_block))
    if as_json:
        show_json(report.to_json())
    else:
        _show(report, every=every)
    raise typer.Exit(report.exit_code)


def _hash(text: str) -> bytes | None:
    if not text:
        return None
    digits = text.removeprefix("0x")
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise BadInput(
            f"--trust-block {text!r} is no block hash: give 0x and 64 hexadecimal digits"
        )
    return value


def _show(report: Report, *, every: bool) -> None:
    show_table(
        f"Study {report.study} on chain {report.chain_id}",
        ("round", "state", "sites", "patients", "rho spent", "why it ended"),
        [
            (r.number, r.state, len(r.members), r.cohort, f"{r.rho_spent / 1e18:.6f}", r.reason)
            for r in report.rounds
        ],
    )
    rows = (
        [(tick(c.ok), c.name, c.object, c.kind.value, c.detail) for c in report.checks]
        if every
        else _by_name(report)
    )
    if every:
        show_table("Checks", ("", "check", "object", "kind", "detail"), rows)
    else:
        show_table("Checks", ("", "check", "how many", "kind"), rows)
        show_table(
            "What does not hold",
            ("check", "object", "detail"),
            [(c.name, c.object, c.detail) for c in report.failed],
        )
    show_table(
        "Faults on record",
        ("check", "object", "detail"),
        [(c.name, c.object, c.detail) for c in report.faults],
    )
    attested = sum(check.kind.value == "attested" for check in report.checks)
    if attested:
        say(f"{attested} checks rest on what a site attested: see `--all`.")
    when = datetime.fromtimestamp(report.block_time, UTC).isoformat() if report.block_time else "?"
    end = f"block {report.block_number} (0x{report.block_hash.hex()}), {when}"
    if report.ok:
        say(f"All {len(report.checks)} checks hold, up to {end}.", style="green")
        return
    say(
        f"{len(report.failed)} of {len(report.checks)} checks do not hold, up to {end}.",
        style="bold red",
    )
    if not report.trusted:
        say(
            "The bundle is not anchored: ask two sites for the hash of that block and give it "
            "with --trust-block."
        )


def _by_name(report: Report) -> list[tuple[object, ...]]:
    names = dict.fromkeys((check.name, check.kind) for check in report.checks)
    rows: list[tuple[object, ...]] = []
    for name, kind in names:
        found = [c for c in report.checks if (c.name, c.kind) == (name, kind)]
        held = sum(check.ok for check in found)
        rows.append((tick(held == len(found)), name, f"{held} of {len(found)}", kind.value))
    return rows
