"""CPU seconds and memory of what this process has started, by what it is for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil

KINDS = {
    "fork_server": "sites' messages",
    "flwr-clientapp": "sites' messages",
    "flwr-serverapp": "coordinator",
    "flower-superlink": "SuperLink",
    "flower-supernode": "SuperNodes",
    "flower-superexec": "Flower's starters",
    "hardhat": "chain node",
    "ipfs": "IPFS node",
}
"""What a process is for, by a part of its command line; the first that fits counts."""

_SECONDS_BETWEEN_LOOKS = 4.0


class Usage:
    """Use it as a context; it looks at memory every few seconds while it is open.

    Attributes:
        peak_mib: the most memory that all processes had together (proportional set size, MiB).
    """

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by kind, with those of processes that have ended and been
        waited for.
        """
        used: Counter[str] = Counter()
        for process in psutil.Process().children(recursive=True):
            try:
                times, kind = process.cpu_times(), _kind_of(process)
            except psutil.Error:
                continue
            used[kind] += times.user + times.system + times.children_user + times.children_system
        return dict(used)

    def _look(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            total = sum(_pss(one.pid) for one in psutil.Process().children(recursive=True))
            self.peak_mib = max(self.peak_mib, total / 1024)


def a_round(before: Mapping[str, float], after: Mapping[str, float], n: int) -> dict[str, float]:
    """CPU seconds a round, by kind, between two looks that lie `n` rounds apart."""
    # What began and ended in between was waited for by one that is still there, but a kind that
    # lost a process may show less than it used.
    return {kind: max(0.0, after[kind] - before.get(kind, 0.0)) / n for kind in sorted(after)}


def _kind_of(process: psutil.Process) -> str:
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return "other"
    return next((kind for part, kind in KINDS.items() if part in line), "other")


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("Pss:")), 0.0)
