"""Ctrl-C while rounds run elsewhere, in the SuperLink."""

from __future__ import annotations

import secrets
import signal
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

from scripts.console import warn

_SETTING: Final = "stop-file"
_ENDS: Final = "The round under way is brought to its end without us, and no other is opened."
_GOES_ON: Final = (
    "The SuperLink goes on with all rounds that were asked for: the approved app, of an earlier"
    " build, cannot be told to stop."
)

Handler = Callable[[int, FrameType | None], object] | int | None


class Stopping:
    """Until the block is left, Ctrl-C and SIGTERM ask the run to open no further round.

    The first writes a file, which the run looks for before each round, and goes on waiting; the
    next raises KeyboardInterrupt, as they do everywhere else.

    Args:
        coordinator: the coordinator's folder.
        app: the staged Flower app. One that was approved before apps could be told to stop is not:
            Ctrl-C then raises at once, and says that its rounds go on.
    """

    def __init__(self, coordinator: Path, app: Path) -> None:
        # A name of its own: what one run was told must not stop the next.
        self._file = coordinator / f"stop-{secrets.token_hex(8)}"
        told = tomllib.loads((app / "pyproject.toml").read_text(encoding="utf-8"))
        #: What the run has to be started with.
        self.run_config: dict[str, str] = {}
        if _SETTING in told["tool"]["flwr"]["app"]["config"]:
            self.run_config[_SETTING] = self._file.name
        #: Whether the run was asked, and took the file away; known once the block is left.
        self.was_heard = False
        self._asked = False
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> Self:
        if self.run_config and threading.current_thread() is threading.main_thread():
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
            self.was_heard = self._asked and not self._file.exists()
            self._file.unlink(missing_ok=True)
        elif kind is KeyboardInterrupt:
            warn(_GOES_ON if not self.run_config else _ENDS)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self._file.touch(mode=0o600)
        warn("Stopping once the round under way has ended. Ctrl-C again does not wait for it.")
