"""One local process, and a group of them that ends together and leaves nothing behind.

Every process runs under a keeper (`stack.keeper`): in a session of its own, so that Ctrl-C reaches
only the program that started it, which then stops its processes in order; and ended with all its
descendants when that program ends, even by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from stack.binaries import tool_environment

# Of the environment that runs us: an installed package has no .venv beside it.
TOOLS = Path(sys.executable).parent
KEEPER = Path(__file__).with_name("keeper.py")
LAST_LINES = 15
_POLL_SECONDS = 0.05

Probe = Callable[[], bool]


class ProcessError(Exception):
    """A process did not start, did not get ready or ended too early. Names it and its log."""

    def __init__(self, name: str, problem: str, log_path: Path) -> None:
        self.name, self.problem, self.log_path = name, problem, log_path
        tail = last_lines(log_path)
        shown = f"\nIts last lines:\n{tail}" if tail else " (the log is empty)."
        super().__init__(f"{name} {problem}. Read {log_path}{'.' if tail else ''}{shown}")


class ManagedProcess:
    """A program that is started, watched and stopped.

    `argv[0]` is looked up on a PATH that begins with the folders `programs`, then the virtual
    environment's. `env` is added to this process's environment. Output goes to `log_path`
    (appended, mode 0600). `grace` is how many seconds it has to end by itself after SIGTERM. With
    `outlives_us` it goes on when this process ends, until `stack.running.stop_all` or `stop` ends
    it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        log_path: Path,
        *,
        env: Mapping[str, str] | None = None,
        programs: Sequence[Path] = (),
        cwd: Path | None = None,
        grace: float = 5.0,
        outlives_us: bool = False,
    ) -> None:
        self.name, self.log_path, self.cwd, self.grace = name, log_path, cwd, grace
        self.argv = [str(part) for part in argv]
        self.env, self.programs = dict(env or {}), tuple(programs)
        self.outlives_us = outlives_us
        self._keeper: subprocess.Popen[bytes] | None = None
        self._status: int | None = None

    def start(self) -> None:
        """Start it, without waiting. Raises `ProcessError` when it was started before."""
        if self._keeper is not None:
            raise ProcessError(self.name, "was already started", self.log_path)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        owner = 0 if self.outlives_us else os.getpid()
        keeper = [sys.executable, "-I", "-S", str(KEEPER), str(owner), str(self.grace)]
        handle = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._keeper = subprocess.Popen(
                [*keeper, *self.argv],
                cwd=self.cwd,
                env=tool_environment(TOOLS, self.env, self.programs),
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                start_new_session=True,
            )
        finally:
            os.close(handle)

    def wait_until_ready(self, probe: Probe, timeout: float) -> None:
        """Wait until `probe()` is true. An OSError in it means not yet.

        Raises `ProcessError`, and stops the process, when it ends first or `timeout` seconds have
        passed.
        """
        deadline = time.monotonic() + timeout
        pause = 0.02
        while True:
            if not self.is_running:
                problem = f"ended with status {self.status} before it was ready"
                raise ProcessError(self.name, problem, self.log_path)
            try:
                if probe():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                self.stop()
                problem = f"was not ready after {timeout:.0f} s"
                raise ProcessError(self.name, problem, self.log_path)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)

    @property
    def is_running(self) -> bool:
        """Whether it, or something that it started, is there."""
        return self._keeper is not None and self.status is None

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._reap(os.WNOHANG)

    @property
    def pid(self) -> int:
        """The keeper's process id: SIGTERM to it ends the program and all that it started."""
        return self._started().pid

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; returns its exit status. Raises `subprocess.TimeoutExpired`."""
        self._started()
        if timeout is None:
            status = self._reap(0)
            assert status is not None
            return status
        deadline = time.monotonic() + timeout
        while (status := self.status) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.argv, timeout)
            time.sleep(_POLL_SECONDS)
        return status

    def ask_to_stop(self) -> None:
        """Begin to stop it, without waiting."""
        if self.is_running:
            os.kill(self.pid, signal.SIGTERM)

    def stop(self) -> None:
        """Stop it and everything that it started, and wait until that is done. Safe to repeat."""
        self.ask_to_stop()
        if self._keeper is not None:
            self.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._keeper is None:
            raise ProcessError(self.name, "is not started", self.log_path)
        return self._keeper

    def _reap(self, options: int) -> int | None:
        # Not by Popen's poll and wait: Ctrl-C between their taking a lock and their `try` leaves it
        # taken, and whoever waits afterwards waits for ever.
        if self._status is None and self._keeper is not None:
            try:
                ended, status = os.waitpid(self._keeper.pid, options)
            except ChildProcessError:  # collected in the moment of Ctrl-C: how it ended is lost
                ended, status = self._keeper.pid, 0
            if ended:
                self._status = self._keeper.returncode = os.waitstatus_to_exitcode(status)
        return self._status


class ProcessGroup:
    """Processes that are stopped together, the last started first, however the block is left.

    SIGTERM and SIGHUP leave it by `SystemExit`, as Ctrl-C does by `KeyboardInterrupt`. While it
    stops its processes, further signals are ignored. Enter it in the main thread for that.
    """

    def __init__(self) -> None:
        self._batches: list[list[ManagedProcess]] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._handlers[signal.SIGINT] = signal.getsignal(signal.SIGINT)
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._handlers[number] = signal.signal(number, _leave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def start(self, *processes: ManagedProcess) -> None:
        """Start processes that may start, and will be stopped, at the same time."""
        batch: list[ManagedProcess] = []
        self._batches.append(batch)
        for process in processes:
            batch.append(process)
            process.start()

    def check(self) -> None:
        """Raise `ProcessError` for the first process that has ended by itself."""
        for process in self.processes:
            if not process.is_running:
                problem = f"ended with status {process.status}"
                raise ProcessError(process.name, problem, process.log_path)

    @property
    def processes(self) -> list[ManagedProcess]:
        """All of them, in the order they were started."""
        return [process for batch in self._batches for process in batch]

    def stop(self) -> None:
        """Stop all, batch by batch, the last first. Safe to repeat."""
        while self._batches:
            batch = self._batches[-1]
            for process in batch:
                process.ask_to_stop()
            for process in batch:
                process.stop()
            self._batches.pop()


def last_lines(log_path: Path) -> str:
    """The last lines of a log, indented; empty when there are none."""
    try:
        lines = log_path.read_bytes()[-20_000:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in lines[-LAST_LINES:])


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
