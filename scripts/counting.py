"""How far counted work is, on stderr: a bar on a terminal; elsewhere a line now and then, so that a
log shows that long work goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from scripts.console import error_console

LINE_SECONDS = 15.0
"""Between two lines where there is no terminal; shorter work says nothing there."""


class Tell(Protocol):
    """Is told at each step what is done and what there is in all; ``title`` renames the work."""

    def __call__(self, done: float, total: float, title: str | None = None) -> None: ...


@contextmanager
def counting(title: str) -> Iterator[Tell]:
    """Shows how far the work is; call what it gives at each step."""
    console = error_console()
    if not console.is_terminal:
        yield _lines(title)
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(title, total=1, visible=False)

        def tell(done: float, total: float, title: str | None = None) -> None:
            bar.update(task, completed=done, total=total, description=title, visible=True)

        yield tell


def _lines(usual: str) -> Tell:
    last = time.monotonic()

    def tell(done: float, total: float, title: str | None = None) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            error_console().print(f"{title or usual}: {done:,.0f} of {total:,.0f}", highlight=False)

    return tell
