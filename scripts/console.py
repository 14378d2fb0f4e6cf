"""What every command prints with: people's tables on a terminal, canonical words for programs.

Answers go to stdout, remarks and errors to stderr, so that `--json` output can be piped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object for a program instead of text.")
]


_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, and those that turn the direction of writing."""


class BadInput(Exception):
    """The user gave something that cannot be used. The message names it and says what to do."""


def plain(value: object, style: str = "") -> Text:
    """Words that a terminal shows and does not obey.

    Much of what is printed somebody else wrote: a sponsor a recipe, a site a report. An escape
    sequence in it could rewrite what stands above it on the screen, such as a verdict or the terms
    that a reviewer is about to sign.
    """
    return Text(_STEERING.sub("\N{REPLACEMENT CHARACTER}", str(value)), style=style)


def say(text: str = "", style: str = "") -> None:
    """One remark or result in plain words, on stdout; lines are broken on a terminal only."""
    console = _out()
    console.print(plain(text, style), soft_wrap=not console.is_terminal)


def say_command(line: str) -> None:
    """A command line to copy, on stdout: indented, and never broken by us. Paths and other words
    that a shell could take apart are the caller's to quote (`shlex`).
    """
    _out().print(plain(f"  {line}"), soft_wrap=True)


def warn(text: str) -> None:
    """One remark that a program reading stdout must not see."""
    error_console().print(plain(text))


def warn_of_loading() -> None:
    """For commands that import what takes seconds (torch, Flower) before they say anything."""
    warn("Loading libraries (some seconds).")


def show_json(value: object) -> None:
    """One JSON object on stdout, written when this returns: an OSError would come too late else."""
    print(json.dumps(value, indent=2, sort_keys=True), flush=True)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on stdout; nothing when there are no rows. Integers are aligned to the right."""
    kept = list(rows)
    if not kept:
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(columns):
        numeric = all(isinstance(row[position], int) for row in kept)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        table.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    _out().print(table)


def show_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line, on stdout."""
    table = Table(
        title=title, title_justify="left", title_style="bold", show_header=False, box=None
    )
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(plain(name), plain(value))
    _out().print(table)


def tick(ok: bool) -> Text:
    """A check's mark."""
    return Text("✓", style="green") if ok else Text("✗", style="bold red")


def error_console() -> Console:
    """Where progress, remarks and errors go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def _out() -> Console:
    # Made anew each time, so that it follows a stdout that was replaced.
    return Console(highlight=False, soft_wrap=False)
