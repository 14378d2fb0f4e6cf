"""Facts that site and coordinator read from their own nodes in the same way."""

from __future__ import annotations

import time
from typing import TypeVar

from chain.chain import Block, Chain
from chain.events import Closed, EventRecord, Sealed, decode
from chain.messages import Round, Study

_RoundEvent = TypeVar("_RoundEvent", Sealed, Closed)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 0.5
#: What views say can change with the clock alone, when a deadline passes.
_SECONDS_OF_ONE_LOOK = 1.0


class RoundEventMissing(Exception):
    """The node shows no event for what it says of a round."""


def chain_time(chain: Chain) -> int:
    """Chain time now, seconds since 1970: what the next block would be stamped, at the least."""
    return time_at(chain.head())


def time_at(head: Block) -> int:
    """As `chain_time`, where the newest block is known."""
    return max(head.timestamp, int(time.time()))


def pause_after(waited: float) -> float:
    """How long to wait before a node is asked again, in seconds: about a tenth of the time waited.

    Twenty sites that ask ten times a second would keep a core of their node's machine busy.
    """
    return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, waited / 10))


def wait_for_block(chain: Chain, seen: Block, waited: float) -> Block:
    """The newest block once it is another than `seen`, or a second later whichever it is.

    Args:
        seen: read before what is to be looked at again.
        waited: seconds waited so far, for `pause_after`.
    """
    deadline = time.monotonic() + _SECONDS_OF_ONE_LOOK
    while True:
        time.sleep(pause_after(waited))
        head = chain.head()
        if head.hash != seen.hash or time.monotonic() >= deadline:
            return head


class Looks:
    """Looks at a chain again and again, where what views say matters once it may differ.

    Attributes:
        head: the newest block at the last look.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain, self.head = chain, chain.head()
        self._again_at = 0.0  # nothing was looked at yet

    def may_differ(self) -> bool:
        """Whether there is another block than at the last look, or a second has passed."""
        seen, self.head = self.head, self._chain.head()
        now = time.monotonic()
        if seen.hash == self.head.hash and now < self._again_at:
            return False
        self._again_at = now + _SECONDS_OF_ONE_LOOK
        return True


def issue_time(chain: Chain) -> int:
    """What an enrolment that is signed now says of its time, seconds since 1970: chain time.

    The newest block's, for the contract refuses an enrolment from its future, and machines' clocks
    run ahead of blocks. It also refuses one that is not later than the record's last revocation:
    whoever enrols in the very second of that has to wait for another block.
    """
    return chain.head().timestamp


def in_force(chain: Chain, study_id: int, version: int) -> bool:
    """Whether a version is the study's current one, approved still, and not suspended."""
    study: Study
    study, head = chain.together(lambda: chain.registry.study(study_id), chain.head)
    approved = time_at(head) < study.approved_until
    return study.current_version == version and approved and not study.suspended


def sealed_event(
    chain: Chain,
    study_id: int,
    number: int,
    opened: Round | None = None,
    newest: int | None = None,
) -> tuple[EventRecord, Sealed]:
    """The event that sealed a round, with the block it lies in.

    Args:
        opened: the round, where it is known already.
        newest: the last block to look at; the newest one by default.

    Raises:
        RoundEventMissing, chain.errors.ChainError
    """
    return _round_event(chain, study_id, number, opened, newest, Sealed)


def closed_event(
    chain: Chain, study_id: int, number: int, opened: Round | None = None
) -> tuple[EventRecord, Closed]:
    """The event that closed a round, with the block it lies in.

    Args:
        opened: the round, where it is known already.

    Raises:
        RoundEventMissing, chain.errors.ChainError
    """
    return _round_event(chain, study_id, number, opened, None, Closed)


def _round_event(
    chain: Chain,
    study_id: int,
    number: int,
    opened: Round | None,
    newest: int | None,
    kind: type[_RoundEvent],
) -> tuple[EventRecord, _RoundEvent]:
    opened = opened or chain.ledger.round(study_id, number)
    for record in chain.events(study_id, opened.pinned_block, newest, kind=kind):
        event = decode(record)
        if isinstance(event, kind) and event.round == number:
            return record, event
    raise RoundEventMissing(
        f"the node shows no {kind.__name__} event for round {number} of study {study_id}"
    )
