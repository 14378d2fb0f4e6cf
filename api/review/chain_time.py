"""Chain time now, as everything that expires is judged by."""

from __future__ import annotations

from api.clock import Clock
from chain.chain import Block


def chain_time(head: Block, clock: Clock) -> int:
    """What the next block would be stamped at the least, seconds since 1970."""
    return max(head.timestamp, int(clock().timestamp()))
