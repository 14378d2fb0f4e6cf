"""The settings under which torch gives the same bytes for the same input on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def deterministic() -> Iterator[None]:
    """One thread and deterministic algorithms inside the block; what was set before comes back
    after it.
    """
    # Not use_deterministic_algorithms: it imports torch's compiler, a second and more.
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    # Memory that is about to be written need not be filled first: a sixth of the time.
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(mode)
        memory.fill_uninitialized_memory = fills
