"""Seconds of one core, so that whatever else the machine does does not count."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

FEWEST, MOST = 3, 20


@dataclass(frozen=True)
class Timed:
    """Medians over ``repeats`` after one warm-up: ``cpu`` and ``wall`` seconds, and all of them."""

    cpu: float
    wall: float
    repeats: int
    all_cpu: list[float]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def timed(work: Callable[[], object], seconds: float, warm: bool = False) -> Timed:
    """Repeat for about so many seconds, 3 to 20 times; once more before when not yet ``warm``."""
    if not warm:
        work()
    cpu: list[float] = []
    wall: list[float] = []
    began = time.perf_counter()
    while len(cpu) < FEWEST or (len(cpu) < MOST and time.perf_counter() - began < seconds):
        at, cpu_at = time.perf_counter(), time.process_time()
        work()
        cpu.append(time.process_time() - cpu_at)
        wall.append(time.perf_counter() - at)
    return Timed(statistics.median(cpu), statistics.median(wall), len(cpu), cpu)
