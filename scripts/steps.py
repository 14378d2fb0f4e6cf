"""Telling a person what is going on: numbered steps, lines beneath them, the time of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding


class Steps:
    """Prints steps and remembers how long each took.

    Attributes:
        seconds: time of each finished step, in order, by title.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console, self._total = console, total
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: a heading, whatever `line` prints, and its time."""
        number = len(self.seconds) + 1
        self.console.print(f"\n[bold]\\[{number}/{self._total}] {escape(title)}[/bold]")
        started = time.monotonic()
        yield
        self.seconds[title] = time.monotonic() - started
        self.console.print(f"      [dim]{self.seconds[title]:.1f} s[/dim]")

    def line(self, text: str) -> None:
        """One line beneath the current step; rich markup is read."""
        # A console that leaves wrapping to the terminal would cut what is padded.
        self.console.print(Padding(text, (0, 0, 0, 6)), highlight=False, soft_wrap=False)
