"""Two facts that site and coordinator read from their own nodes in the same way."""

from __future__ import annotations

import time

from chain.chain import Chain

from chain.events import EventRecord, Sealed, decode


class SealMissing(Exception):
    """The node shows no Sealed event for a round that it calls sealed."""


def chain_time(chain: Chain) -> int:
    """Chain time now, seconds since 1970: what the next block would be stamped, at the least."""
    return max(chain.head().timestamp, int(time.time()))


def sealed_event(chain: Chain, study_id: int, number: int) -> tuple[EventRecord, Sealed]:
    """The event that sealed a round, with the block it lies in.

    Raises:
        SealMissing, chain.errors.ChainError
    """
    opened = chain.ledger.round(study_id, number).pinned_block
    for record in chain.events(study_id, opened):
        event = decode(record)
        if isinstance(event, Sealed) and event.round == number:
            return record, event
    raise SealMissing(f"the node shows no Sealed event for round {number} of study {study_id}")
