"""The settings under which torch gives the same bytes for the same input on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

import torch

# Memory that is about to be written need not be filled first: a sixth of the time.
_MEMORY: Any = torch.utils.deterministic


class _Settings(NamedTuple):
    threads: int
    mode: int
    fills: bool


class _Inside:
    """The blocks that run now, in any thread: torch's settings are of the whole process."""

    lock = Lock()
    number = 0
    before: _Settings


@contextmanager
def deterministic() -> Iterator[None]:
    """One thread and deterministic algorithms inside the block; what was set before the first of
    several blocks at once comes back after the last.
    """
    # Not use_deterministic_algorithms: it imports torch's compiler, a second and more.
    with _Inside.lock:
        if _Inside.number == 0:
            _Inside.before = _Settings(
                torch.get_num_threads(),
                torch.get_deterministic_debug_mode(),
                _MEMORY.fill_uninitialized_memory,
            )
            _set(_Settings(1, _ERROR, False))
        _Inside.number += 1
    try:
        yield
    finally:
        with _Inside.lock:
            _Inside.number -= 1
            if _Inside.number == 0:
                _set(_Inside.before)


_ERROR = 2
"""torch's debug mode in which what is not deterministic raises."""


def _set(settings: _Settings) -> None:
    torch.set_num_threads(settings.threads)
    torch.set_deterministic_debug_mode(settings.mode)
    _MEMORY.fill_uninitialized_memory = settings.fills
