"""What a study's events say of each round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from chain.events import Aborted, Closed, Opened, Sealed
from chain.messages import Commitment, RoundState


class Moment(NamedTuple):
    """Where an event stands: its position among the study's events, its block and chain time
    (s).
    """

    position: int
    block: int
    time: int


class Committing(NamedTuple):
    """One commitment as the chain recorded it."""

    moment: Moment
    site: str
    commitment: Commitment


class ChargedAbort(NamedTuple):
    """A round that was aborted after its seal; ``suspensions``: how many the study had by then."""

    moment: Moment
    suspensions: int


class BaseChange(NamedTuple):
    """From ``moment`` on the next round starts from the checkpoint of ``round``, which closed.

    0: from the initial one.
    """

    moment: Moment
    round: int


@dataclass
class RoundFacts:
    """Every event of one round, each with its moment; what has not happened is None or empty.

    ``follows``: the closed round whose checkpoint it must start from; 0 for the initial one.
    ``deliveries``: masked digests that members put on record. ``sealed_suspensions``: how
    often the study had been suspended at the seal.
    """

    number: int
    opened: Opened
    opened_at: Moment
    follows: int
    commitments: list[Committing] = field(default_factory=list)
    sealed: Sealed | None = None
    sealed_at: Moment | None = None
    sealed_suspensions: int = 0
    deliveries: dict[str, bytes] = field(default_factory=dict)
    closed: Closed | None = None
    closed_at: Moment | None = None
    aborted: Aborted | None = None
    aborted_at: Moment | None = None
    _newest: dict[str, Committing] = field(default_factory=dict)

    def fork(self) -> RoundFacts:
        """The same facts, to which events can be added while others read these."""
        return replace(
            self,
            commitments=[*self.commitments],
            deliveries={**self.deliveries},
            _newest={**self._newest},
        )

    def add(self, committing: Committing) -> None:
        """One more commitment."""
        self.commitments.append(committing)
        self._newest[committing.site] = committing

    @property
    def state(self) -> RoundState:
        if self.aborted:
            return RoundState.ABORTED
        if self.closed:
            return RoundState.CLOSED
        return RoundState.SEALED if self.sealed else RoundState.OPEN

    @property
    def over_at(self) -> Moment | None:
        """When it was closed or aborted."""
        return self.closed_at or self.aborted_at

    def newest_commitments(self) -> Mapping[str, Committing]:
        """The last commitment of each site, by site."""
        return self._newest

    def sealed_commitments(self) -> list[Committing]:
        """The members' commitments in the seal's order; empty before the seal.

        Nobody can commit after a seal, so a member's newest commitment is the sealed one.
        """
        newest = self.newest_commitments()
        members = self.sealed.members if self.sealed else ()
        return [newest[member] for member in members if member in newest]
