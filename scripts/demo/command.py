"""The `assent demo` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scripts.demo.closing import show, write_summary
from scripts.demo.demo import Demo
from scripts.demo.report import write_report


def demo(
    out: Annotated[Path, typer.Option(help="Where to write; emptied first.")] = Path("out/demo"),
) -> None:
    """Run a whole study on this machine, from consent to offline audit, on public data."""
    console = Console()
    console.print("A study of five hospitals on this machine. It takes about four minutes.")
    outcome = Demo(out.resolve(), console).run()
    write_summary(outcome, out / "summary.json")
    write_report(outcome, out / "report.html")
    show(outcome, console)
    console.print(f"\nWritten: {out}/bundle, {out}/summary.json, {out}/report.html")
    if not outcome.verified:
        raise typer.Exit(1)
