"""What the withdrawal ledger says of one withdrawn consent. `audit.withdrawals` works it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audit.fields import hex_of
from audit.round_state import Moment
from chain.messages import LateRevocation, RoundState


class Remedy(StrEnum):
    """The remediation class of a checkpoint, or of a withdrawal as a whole."""

    NOT_USED = "not used"
    """No round that it comes from can have used the record."""
    BOUNDED = "bounded by the DP guarantee"
    """Rounds that it comes from may have used the record, and later rounds build on it."""
    RETIRED = "retired"
    """As before, but reviewers took the study back behind it: no later round builds on it."""
    RETRAINED = "retrained without the record"
    """Made after such a return, from a checkpoint that cannot have used the record."""


@dataclass(frozen=True)
class Bound:
    """What the rounds that may have used a record cost it, and what that bounds.

    Attributes:
        rounds: how many they are.
        rho: zCDP, as the ledger charged, in 1e-18.
        epsilon, delta: by corollary 13 of Canonne, Kamath and Steinke (2020, arXiv 2004.00010), of
            rho and the slack of the distributed discrete sum; delta: the least of their terms'.
    """

    rounds: int
    rho: int
    epsilon: float
    delta: float

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "rho": str(self.rho)}


@dataclass(frozen=True)
class RoundUse:
    """A round that may have used a record: its consent was active to the round's close deadline at
    the block that its site's commitment names, and the site was sealed into the round.

    Attributes:
        counted: patients whom the site says it counted (`Commitment.cohort_size`).
        active: consents at the site that were active so, this one among them.
        made: whether a checkpoint was made of it; a sealed round that was aborted made none.
    """

    round: int
    state: RoundState
    counted: int
    active: int

    @property
    def made(self) -> bool:
        return self.state == RoundState.CLOSED

    def to_json(self) -> dict[str, Any]:
        return {
            "round": self.round,
            "state": self.state.name.lower(),
            "counted": self.counted,
            "active": self.active,
        }


@dataclass(frozen=True)
class CheckpointRemedy:
    """One closed round's checkpoint and what it has of the record.

    Attributes:
        checkpoint: its SHA-256, 32 bytes.
        bound: over the rounds of its lineage that may have used the record; None when none may.
        retired: when a rollback retired it, if one did.
    """

    round: int
    checkpoint: bytes
    remedy: Remedy
    bound: Bound | None
    retired: Moment | None

    def to_json(self) -> dict[str, Any]:
        return {
            "round": self.round,
            "checkpoint": hex_of(self.checkpoint),
            "remedy": self.remedy.value,
            "bound": self.bound.to_json() if self.bound else None,
            "retired_at": self.retired.time if self.retired else None,
        }


@dataclass(frozen=True)
class Clock:
    """A duty that began with the revocation. Chain time, seconds since 1970.

    Attributes:
        deadline: until when it is to be done.
        ended: when it was; None: not yet.
        block: in which block, when an event did it; a deadline that passed has none.
    """

    started: int
    deadline: int
    ended: int | None
    block: int | None = None

    @property
    def in_time(self) -> bool | None:
        """None while it runs."""
        return None if self.ended is None else self.ended <= self.deadline

    @property
    def at_once(self) -> bool:
        """It was done by the revocation itself."""
        return self.ended == self.deadline == self.started

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "in_time": self.in_time}


@dataclass(frozen=True)
class Withdrawal:
    """One revoked consent: what may have used it, what came of that, and by when.

    Attributes:
        policy: what the round that ran when it was revoked does with late revocations; None when
            none ran that may have used it.
        uses: the rounds that may have used it, ascending; none of them was opened later.
        checkpoints: of every closed round of the study, ascending.
        bound: over all `uses`, whatever became of them; None without any.
        last_clean: the newest round to go back to without the record; 0: the initial checkpoint.
        halting: until no round can use it any more.
        finishing: until the class is final. It can only become better after that.
        judged: chain time at which all this is said.
    """

    token_id: int
    site: str
    revoked: Moment
    policy: LateRevocation | None
    uses: tuple[RoundUse, ...]
    checkpoints: tuple[CheckpointRemedy, ...]
    remedy: Remedy
    bound: Bound | None
    last_clean: int
    halting: Clock
    finishing: Clock
    judged: int

    @property
    def is_final(self) -> bool:
        return self.finishing.ended is not None

    @property
    def late(self) -> int:
        """How many of its two duties were done after their deadline."""
        return sum(clock.in_time is False for clock in (self.halting, self.finishing))

    @property
    def descending(self) -> tuple[CheckpointRemedy, ...]:
        """The checkpoints that descend from a round which may have used it."""
        return tuple(one for one in self.checkpoints if one.bound is not None)

    def to_json(self, every: bool = True) -> dict[str, Any]:
        """For programs; numbers that JSON cannot hold are decimal strings.

        ``every``: with each checkpoint; otherwise only how many there are of each class.
        """
        counts = Counter(one.remedy.value for one in self.checkpoints)
        shown = [one.to_json() for one in self.checkpoints] if every else dict(counts)
        return {
            "token": str(self.token_id),
            "site": self.site,
            "revoked": {"block": self.revoked.block, "time": self.revoked.time},
            "policy": self.policy.name.lower() if self.policy is not None else None,
            "remedy": self.remedy.value,
            "final": self.is_final,
            "bound": self.bound.to_json() if self.bound else None,
            "rounds": [use.to_json() for use in self.uses],
            "checkpoints": shown,
            "last_clean_round": self.last_clean,
            "halting": self.halting.to_json(),
            "finishing": self.finishing.to_json(),
            "judged": self.judged,
        }


def spans(numbers: Iterable[int]) -> str:
    """Ascending numbers in few words: `1-4, 7`; `none` for none."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    named = (f"{a}" if a == b else f"{a}-{b}" for a, b in found)
    return ", ".join(named) or "none"
