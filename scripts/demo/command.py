"""The `assent demo` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scripts.console import say_command
from scripts.demo.closing import show, write_summary
from scripts.demo.demo import Demo
from scripts.demo.report import write_report


def demo(
    out: Annotated[Path, typer.Option(help="Where to write; emptied first.")] = Path("out/demo"),
) -> None:
    """Run a whole study on this machine, from consent to offline audit, on public data."""
    console = Console()
    console.print("A study of five hospitals on this machine. It takes about four minutes\n(two cores that do nothing else).")
    outcome = Demo(out.resolve(), console).run()
    write_summary(outcome, out / "summary.json")
    write_report(outcome, out / "report.html")
    show(outcome, console)
    console.print(f"\nWritten in {out}: report.html (look at it first), summary.json, bundle")
    console.print("Verify the bundle yourself, on any machine and with no network:")
    say_command(f"assent verify {out}/bundle --trust-block 0x{outcome.trust_block.hex()}")
    if not outcome.verified:
        raise typer.Exit(1)
