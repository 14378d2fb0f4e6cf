"""A bar for work whose steps are counted, on a terminal's stderr; nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scripts.console import error_console

#: (steps done, steps in all)
Tell = Callable[[int, int], None]


@contextmanager
def counting(title: str) -> Iterator[Tell]:
    """Shows how far the work is; call what it gives at each step."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = error_console()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
