"""The same work on many things, a process for each processor."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Final, TypeVar

import torch

TELL_SECONDS: Final = 5.0

Thing = TypeVar("Thing")
Found = TypeVar("Found")


def side_by_side(
    work: Callable[[Thing], Found],
    things: Sequence[Thing],
    jobs: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Found]:
    """What the work finds for each thing, in their order.

    ``work`` and what it takes and gives are pickled. ``jobs``: processes, one a processor when left
    out. ``progress`` is told how many are done and how many there are, every few seconds.
    """
    progress(0, len(things))
    jobs = max(1, min(len(things), jobs or len(os.sched_getaffinity(0))))
    found: dict[int, Found] = {}
    # Spawned, not forked: torch's threads do not survive a fork.
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=set_threads
    ) as pool:
        places = {pool.submit(work, thing): place for place, thing in enumerate(things)}
        left = set(places)
        while left:
            # Told again while nothing ends: the first division of a large cohort takes minutes.
            done, left = wait(left, timeout=TELL_SECONDS, return_when=FIRST_COMPLETED)
            found |= {places[one]: one.result() for one in done}
            progress(len(found), len(things))
    return [found[place] for place in range(len(things))]


def set_threads() -> None:
    """One thread a process, because processes run side by side."""
    torch.set_num_threads(1)
