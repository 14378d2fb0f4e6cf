"""Ctrl-C while rounds run elsewhere, in the SuperLink."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from scripts.console import warn

Handler = Callable[[int, FrameType | None], object] | int | None


class Stopping:
    """Until the block is left, Ctrl-C and SIGTERM ask the run to open no further round.

    The first writes `file`, which the run looks for before each round, and goes on waiting; the
    next raises KeyboardInterrupt, as they do everywhere else.
    """

    def __init__(self, coordinator: Path) -> None:
        # A name of its own: what one run was told must not stop the next.
        self.file = coordinator / f"stop-{secrets.token_hex(8)}"
        #: Whether the run was asked, and took the file away; known once the block is left.
        self.was_heard = False
        self._asked = False
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None:
            self.was_heard = self._asked and not self.file.exists()
            self.file.unlink(missing_ok=True)
        elif self._asked and kind is KeyboardInterrupt:
            warn("The round under way is brought to its end without us, and no other is opened.")

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self.file.touch(mode=0o600)
        warn("Stopping once the round under way has ended. Ctrl-C again does not wait for it.")
