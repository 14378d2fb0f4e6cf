"""The `assent` command line. A new group or command is one line of COMMANDS."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Annotated, Final

import click
import typer

from scripts.console import error_console, plain, show_json
from scripts.exit_codes import DEFECT, INTERRUPTED, UNUSABLE, exit_code_of, message_of
from scripts.lazy import Command, lazy_app, run

# name -> where its Typer app or function is ("module:name"), and its line in `assent --help`.
COMMANDS: Final[dict[str, Command]] = {
    "demo": Command("scripts.demo.command:demo", "Run a whole study here, on public data."),
    "site": Command("scripts.site.app:app", "Run a hospital's part of a study."),
    "up": Command("scripts.up:up", "Start a federation here that stays."),
    "down": Command("scripts.down:down", "Stop it; its state is kept."),
    "status": Command("scripts.status:status", "Show what runs and how its studies stand."),
    "study": Command("scripts.study.app:app", "Propose, run and read a study."),
    "checkpoint": Command("scripts.checkpoint.app:app", "Fetch what a study has learned."),
    "irb": Command("scripts.irb.app:app", "Review studies: read, sign, stop."),
    "patient": Command("scripts.patient.app:app", "Consent, revoke, and look after it."),
    "data": Command("scripts.data.app:app", "Make data to try things with."),
    "bench": Command("scripts.bench.app:app", "Measure, with peers in the same run."),
    "serve": Command("scripts.serve:serve", "Serve consent and audit over HTTP."),
    "receipt": Command("scripts.receipt.app:app", "Check what a hospital committed to."),
    "verify": Command("scripts.verify:verify", "Recompute a study from its bundle, offline."),
}

_HELP = """Consent-gated, private, auditable federated learning for rare diseases.

Exit codes: 0 done or holds; 1 does not hold or was refused; 2 wrong usage or unusable input; 3
something needed is unreachable; 4 a defect of this program; 130 interrupted.
"""


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"assent {version('assent')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """What `assent` itself takes."""


app = lazy_app("assent", _HELP, COMMANDS, _options)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; a user's mistake gives a message, no trace.

    With --json the error is one JSON object on stdout as well, for the program that reads it.
    """
    for_program = "--json" in arguments
    try:
        status = run(app, arguments, "assent")
        if status != INTERRUPTED:
            return status
        raise KeyboardInterrupt  # Typer has made this status of one
    except click.ClickException as error:
        error.show()
        code = UNUSABLE if isinstance(error, click.UsageError) else error.exit_code
        # Typer's words for `assent site` without a command are its help: not an error's message.
        message = error.format_message() or "a command is missing"
        kind = "UsageError" if isinstance(error, click.UsageError) else type(error).__name__
    except (KeyboardInterrupt, click.Abort):
        code, kind, message = INTERRUPTED, "Interrupted", "interrupted"
        _tell(f"assent: {message}")
    except Exception as error:  # noqa: BLE001 - the last place where one can be told apart
        kind, message = type(error).__name__, message_of(error)
        found = exit_code_of(error)
        code = DEFECT if found is None else found
        if found is None:
            message = (
                f"a defect of this program ({kind}). The trace is in {_written_trace()}; it may"
                " name files of this machine, so read it before you send it to anyone."
            )
        _tell(f"assent: {message}")
    if for_program:
        try:
            show_json({"error": {"exit_code": code, "kind": kind, "message": message}})
        except OSError:
            # It may be what has failed; Python writes what is left once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _tell(text: str) -> None:
    error_console().print(plain(text))


def _written_trace() -> str:
    handle, path = tempfile.mkstemp(prefix="assent-error-", suffix=".txt")  # made with mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exc(file=file)
    return path
