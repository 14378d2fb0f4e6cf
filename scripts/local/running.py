"""Processes that go on when `assent up` has ended, and that `assent down` finds again.

Each is written down as soon as it is started, and carries its state folder's name in its
environment, so that also what a killed command left, or a killed keeper, is found.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType

import psutil

from chain.alone import alone
from scripts.local.layout import Layout
from scripts.local.settings import StateRefused
from stack import running
from stack.process import KEEPER, ManagedProcess, ProcessGroup

SUPERLINK = "the SuperLink"
MARK = "ASSENT_STARTED_FOR_STATE"
_GRACE, _LAST_GRACE = 60.0, 10.0


class LastingGroup(ProcessGroup):
    """As `ProcessGroup`, until `leave_running`: from then on its processes outlive this one."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._layout, self._left = layout, False

    def start(self, *processes: ManagedProcess) -> None:
        """Starts processes and writes them down; a signal waits until that is done."""
        for process in processes:
            process.outlives_us = True
            process.env[MARK] = str(self._layout.state)
        with _signals_wait():
            try:
                super().start(*processes)
            finally:
                there = [one for one in self.processes if one.is_running]
                running.record(there, self._layout.running)

    def leave_running(self) -> None:
        """What was started stays."""
        self._left = True
        self._batches.clear()

    def stop(self) -> None:
        """Stops all that were not left running."""
        if not self._left:
            super().stop()
            stop_everything(self._layout)


def stop_everything(layout: Layout) -> list[str]:
    """Stops all processes of a state folder; returns the names of the recorded that were there.

    Raises:
        stack.running.RecordError: the record is damaged; the processes are stopped all the same.
    """
    try:
        there = [one for one in recorded(layout) if one.is_running]
        # All at once; only the SuperLink waits until its SuperNodes have said good-bye.
        for one in there:
            if one.name != SUPERLINK:
                with suppress(psutil.Error):
                    psutil.Process(one.pid).terminate()
        running.stop_all(layout.running)
        return [one.name for one in there]
    finally:
        _end_strays(layout)


def recorded(layout: Layout) -> list[running.Running]:
    """What the last `assent up` left running, whether it is still there or not."""
    return running.read(layout.running)


def alone_with(layout: Layout) -> AbstractContextManager[None]:
    """One command at a time changes what runs.

    Raises:
        StateRefused: another one is at it, said when the block is entered.
    """
    busy = f"another `assent up` or `assent down` works on {layout.state}: wait for it"
    return alone(layout.lock, StateRefused(busy))


def strays(layout: Layout) -> list[psutil.Process]:
    """Every process that was started for this state folder, recorded or not."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(layout.state):
                found.append(process)
    return found


def _end_strays(layout: Layout) -> None:
    # Keepers first: each ends its own program in good order.
    keepers = [process for process in strays(layout) if _is_keeper(process)]
    _terminate(keepers, _GRACE)
    _terminate(strays(layout), _LAST_GRACE)
    for process in strays(layout):
        with suppress(psutil.Error):
            process.kill()
            process.wait(_LAST_GRACE)


def _terminate(processes: list[psutil.Process], seconds: float) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(processes, timeout=seconds)


def _is_keeper(process: psutil.Process) -> bool:
    try:
        return str(KEEPER) in process.cmdline()
    except psutil.Error:
        return False


@contextmanager
def _signals_wait() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, note) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
