"""`assent study report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import DeploymentFile
from scripts.console import JsonOption, say, show_json, warn
from scripts.known_contracts import KnownStudy, known_contracts
from scripts.study.beside_bundle import require_beside
from scripts.trusted_block import TrustBlock, hash_of

PAGE, DOCUMENT = "report.html", "report.pdf"


def report(
    bundle: Annotated[Path, typer.Argument(help="The bundle: its folder, or its one file.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder for report.html, report.pdf.")
    ],
    deployment: DeploymentFile,
    trust_block: TrustBlock = "",
    study: KnownStudy = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="What a site reports of a replay; may be repeated, as for `assent verify`.",
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Write a report for an ethics board and a data protection officer, from the bundle alone.

    The bundle is verified first. When it does not hold the report says so on top and on every page,
    and the exit code is 1.
    """
    from scripts.replay_files import read_replays
    from scripts.study.report_figures import as_svg, drawing
    from scripts.study.report_page import report_page
    from scripts.study.report_pdf import report_pdf
    from study.board_report import board_report
    from study.evidence_facts import read_facts
    from study.report_parts import Figure

    require_beside(out, bundle)
    warn(f"Verifying {bundle} ...")
    known, replays = known_contracts(deployment), read_replays(replay or [])
    facts = read_facts(bundle, hash_of(trust_block), known, replays, study)
    written = board_report(facts)
    parts = (part for section in written.sections for part in section.parts)
    names = [part.name for part in parts if isinstance(part, Figure)]
    history = facts.study
    figures = {name: drawing(name, history) for name in names} if history else {}
    svg = {name: as_svg(name, figure) for name, figure in figures.items()}
    out.mkdir(parents=True, exist_ok=True)
    (out / PAGE).write_text(report_page(written, svg), encoding="utf-8")
    (out / DOCUMENT).write_bytes(report_pdf(written, figures))
    if json_:
        files = [str(out / PAGE), str(out / DOCUMENT)]
        show_json({"study": facts.report.study, "ok": written.holds, "files": files})
    else:
        style = "" if written.holds else "bold red"
        say(f"{out / PAGE} and {out / DOCUMENT}: {written.headline}", style)
    raise typer.Exit(facts.report.exit_code)
