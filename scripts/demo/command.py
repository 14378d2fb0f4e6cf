"""The `assent demo` command."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from scripts.console import say_command
from scripts.demo.out_folder import alone_in


def demo(
    out: Annotated[
        Path, typer.Option(help="Where to write; an earlier demo's files there are removed.")
    ] = Path("out/demo"),
) -> None:
    """Run a whole study on this machine, from consent to offline audit, on public data.

    Writes report.html, summary.json and the study's bundle. Ctrl-C stops everything.
    """
    from rich.console import Console

    console = Console()
    with alone_in(out.absolute()):
        console.print("A study of five hospitals on this machine: some four minutes on two free")
        console.print("cores. Loading libraries (some seconds).")
        from scripts.demo.closing import show, write_summary
        from scripts.demo.demo import Demo
        from scripts.demo.report import write_report

        outcome = Demo(out.absolute(), console).run()
        write_summary(outcome, out / "summary.json")
        write_report(outcome, out / "report.html")
        show(outcome, console)
    console.print(f"\nWritten in {out}: report.html (look at it first), summary.json, bundle,")
    console.print("deployment.json")
    console.print("Verify the bundle yourself, on any machine and with no network:")
    say_command(
        f"assent verify {shlex.quote(f'{out}/bundle')} --trust-block 0x{outcome.trust_block.hex()}"
        f" --deployment {shlex.quote(f'{out}/deployment.json')} --study {outcome.study_id}"
    )
    if not outcome.verified:
        raise typer.Exit(1)
