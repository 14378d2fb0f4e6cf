"""Processes that were left running, so that another command finds and stops them.

A record holds each process's keeper by id and start time, so that an id which now belongs to
something else is never signalled.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from stack.process import ManagedProcess

_POLL_SECONDS = 0.05


class RecordError(Exception):
    """The record of running processes cannot be read; the message says which file."""


@dataclass(frozen=True)
class Running:
    """A process left running: its name, its keeper's id and start time (seconds since 1970), its
    log.
    """

    name: str
    pid: int
    started: float
    log_path: str

    @property
    def is_running(self) -> bool:
        """Whether it is still there."""
        return self._process() is not None

    def stop(self, timeout: float = 60.0) -> bool:
        """Stop it with all that it started; returns whether it was there.

        Raises `psutil.TimeoutExpired` when it has not ended after `timeout` seconds.
        """
        process = self._process()
        if process is None:
            return False
        deadline = time.monotonic() + timeout
        try:
            process.terminate()
            # Not wait(): where nobody reaps orphans, one that has ended stays as a zombie for ever.
            while self.is_running:
                if time.monotonic() > deadline:
                    raise psutil.TimeoutExpired(timeout, self.pid, self.name)
                time.sleep(_POLL_SECONDS)
        except psutil.NoSuchProcess:
            return True
        return True

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 0.01
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def record(processes: Iterable[ManagedProcess], path: Path) -> None:
    """Write down started processes in `path` (JSON, mode 0600), in the order they were started."""
    entries = [
        asdict(Running(one.name, one.pid, psutil.Process(one.pid).create_time(), str(one.log_path)))
        for one in processes
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(entries, file, indent=2)
    fresh.replace(path)


def read(path: Path) -> list[Running]:
    """What `record` wrote; empty when there is no such file. Raises `RecordError`."""
    try:
        return [Running(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise RecordError(f"{path} cannot be read as a record of processes: {error}") from error


def stop_all(path: Path) -> list[str]:
    """Stop all that are recorded, the last started first, and remove the record.

    Returns the names of those that were still there. Raises `RecordError`, or
    `psutil.TimeoutExpired` and keeps the record.
    """
    stopped = [one.name for one in reversed(read(path)) if one.stop()]
    path.unlink(missing_ok=True)
    return stopped
