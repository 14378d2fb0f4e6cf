"""Commands that are imported when they are used, so that `--help` and every command start fast."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import click
import typer
from typer.core import TyperArgument, TyperGroup
from typer.models import ArgumentInfo

_INSIDE_PARAGRAPH = re.compile(r"(?<!\n)\n(?!\s|[-*] )")


@dataclass(frozen=True)
class Command:
    """Where a command is ("module:name" of a Typer app or a function) and its line of help."""

    target: str
    help: str


def lazy_app(
    name: str,
    text: str,
    commands: Mapping[str, Command],
    callback: Callable[..., None] | None = None,
) -> typer.Typer:
    """A Typer app of commands that are known by their table alone until one is used.

    `callback` has the options of the group itself, if it has any.
    """
    group = type("_Group", (_LazyGroup,), {"table": commands})
    app = typer.Typer(
        name=name,
        cls=group,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(callback or _nothing)
    return app


def _nothing() -> None:
    """Typer makes a group only of an app that has a callback."""


class _LazyGroup(TyperGroup):
    table: Mapping[str, Command]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.help = settings.get("help")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self.table.get(cmd_name)
        return None if found is None else _Deferred(cmd_name, found)


class _Deferred(click.Command):
    """Stands for a command in lists, and becomes it when it is called."""

    def __init__(self, name: str, command: Command) -> None:
        super().__init__(name, help=command.help)
        self._target = command.target

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        return loaded(self._target).make_context(info_name, args, parent, **extra)


def loaded(target: str) -> click.Command:
    """The command that a `Command.target` names, as it is called and shown."""
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(
            add_completion=False,
            rich_markup_mode="rich",
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        app.command()(found)
        found = app
    command = typer.main.get_command(found)
    _name_arguments(command)
    _fill_help(command)
    return command


def _name_arguments(command: click.Command) -> None:
    """Give arguments back the help that Typer 0.20 loses with click 8.5, which sets its own."""
    for under in getattr(command, "commands", {}).values():
        _name_arguments(under)
    function = getattr(command.callback, "__wrapped__", None)
    hints = get_type_hints(function, include_extras=True) if function else {}
    for parameter in command.params:
        for info in getattr(hints.get(parameter.name or ""), "__metadata__", ()):
            if isinstance(info, ArgumentInfo) and isinstance(parameter, TyperArgument):
                parameter.help = info.help
                parameter.metavar = info.metavar or parameter.metavar


def _fill_help(command: click.Command) -> None:
    """Typer keeps a docstring's line breaks, which then fall in the middle of a terminal's line."""
    for under in getattr(command, "commands", {}).values():
        _fill_help(under)
    if command.help:
        command.help = without_line_breaks(command.help)


def without_line_breaks(text: str) -> str:
    """A text's paragraphs, each on one line; indented lines and items of lists stay as they are."""
    return _INSIDE_PARAGRAPH.sub(" ", inspect.cleandoc(text))


def run(app: typer.Typer, arguments: Sequence[str], program: str) -> int:
    """Run a command line; returns its exit status, and leaves every exception to the caller."""
    command = typer.main.get_command(app)
    status = command.main(args=list(arguments), prog_name=program, standalone_mode=False)
    return status if isinstance(status, int) else 0
