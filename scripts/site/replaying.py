"""`assent site replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import RoundNumber
from scripts.console import BadInput, JsonOption, say, show_facts, show_json, show_table, warn
from scripts.exit_codes import REFUSED
from scripts.site.options import Folder, open_folder

if TYPE_CHECKING:
    from audit.replays import ReplayReport


def replay(
    folder: Folder,
    round_: RoundNumber,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a report for a reviewer, signed by the site's account."
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Compute this site's part of a round again, from what it kept, and compare.

    Uses the app that was approved for that round, in a process of its own, and changes nothing.
    Exits with 0 when commitment and masked vector come out again bit for bit, and with 1 when they
    differ or cannot be computed, because a piece is missing: that is never a pass.
    """
    from audit.replays import Verdict
    from federation.gate.replaying import replay as replay_round
    from federation.gate.replaying import sign_replay

    found = open_folder(folder)
    if out is not None and out.exists():
        raise BadInput(f"{out} exists; name another file")
    if not json_:
        warn("Replaying: this takes some seconds for loading libraries, and what the round took.")
    report = replay_round(found, round_)
    if out is not None:
        out.write_bytes(sign_replay(found, report).to_bytes())
    if json_:
        show_json(report.to_json())
    else:
        _show(report)
        if out is not None:
            say(f"Wrote {out}: `assent site answer` puts its SHA-256 on chain if you were asked.")
    if report.verdict is not Verdict.REPLAYED:
        raise typer.Exit(REFUSED)


def _show(report: ReplayReport) -> None:
    from audit.replays import Verdict

    show_facts(
        f"Round {report.round_number}, attempt {report.attempt}",
        [
            ("committed", _shown(report.committed)),
            ("computed again", _shown(report.recomputed)),
            ("masked, delivered", _shown(report.delivered)),
            ("masked again", _shown(report.masked)),
            ("environment", _environment(report)),
        ],
    )
    show_table(
        "What differs",
        ("part", "how many", "largest, in grid steps"),
        [
            (one.part.value, one.count, "not known" if one.largest is None else one.largest)
            for one in report.differences
        ],
    )
    if report.verdict is Verdict.REPLAYED:
        say("Replayed bit for bit.", style="green")
    elif report.verdict is Verdict.DIFFERS:
        say("It differs from what was committed and delivered.", style="bold red")
    else:
        say(f"Not replayable: {report.missing}.", style="bold red")


def _environment(report: ReplayReport) -> str:
    if report.then is None:
        return "not kept"
    return f"changed: {', '.join(report.changed)}" if report.changed else "as it was"


def _shown(digest: bytes | None) -> str:
    return "-" if digest is None else f"0x{digest.hex()}"
