"""What the withdrawal ledger needs of a study, worked out once for all its withdrawals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

from audit.consent_state import StudyState
from audit.history import Token
from audit.privacy import RHO_UNIT, epsilon_canonne_kamath_steinke, log_slack_of_round
from audit.round_state import Committing, Moment, RoundFacts

_epsilon = lru_cache(maxsize=4096)(epsilon_canonne_kamath_steinke)


@dataclass(frozen=True)
class Cost:
    """What some rounds cost a record in them.

    Attributes:
        rounds: how many.
        rho: as the ledger charged, in 1e-18; slack: of the distributed discrete sum, as rho itself.
        delta: the least of their terms'; 1 for none.
    """

    rounds: int
    rho: int
    slack: float
    delta: float

    def with_round(self, other: Cost) -> Cost:
        """These rounds and others."""
        return Cost(
            self.rounds + other.rounds,
            self.rho + other.rho,
            self.slack + other.slack,
            min(self.delta, other.delta),
        )

    @property
    def epsilon(self) -> float:
        """At `delta`, by corollary 13 of Canonne, Kamath and Steinke (2020)."""
        return _epsilon(self.rho / RHO_UNIT + self.slack, self.delta)


NOTHING = Cost(0, 0, 0.0, 1.0)


@dataclass(frozen=True)
class WithdrawalStudy:
    """One study.

    Attributes:
        sealed: by site, the rounds that it was sealed into, ascending, with what it committed.
        closed: closed rounds, ascending.
        kept: those that the next round descends from, and 0.
        retired: when each other one was retired.
        costs: of each sealed round.
        renewed: tokens that ended because their holder granted anew.
    """

    state: StudyState
    sealed: dict[str, list[tuple[RoundFacts, Committing]]]
    closed: tuple[RoundFacts, ...]
    kept: frozenset[int]
    retired: dict[int, Moment]
    costs: dict[int, Cost]
    renewed: frozenset[int]
    _active: dict[tuple[int, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, state: StudyState) -> WithdrawalStudy:
        """From the whole history of a state."""
        history = state.history
        sealed: dict[str, list[tuple[RoundFacts, Committing]]] = {}
        costs = {}
        for facts in history.rounds.values():
            for committing in facts.sealed_commitments():
                sealed.setdefault(committing.site, []).append((facts, committing))
            if facts.sealed is not None:
                terms = history.versions[facts.opened.version].terms
                slack = math.exp(log_slack_of_round(terms))
                delta = terms.delta / RHO_UNIT
                costs[facts.number] = Cost(1, facts.sealed.rho, slack, delta)
        retired = {
            number: rollback.moment
            for rollback in history.rollbacks
            for number in history.lineage(rollback.event.from_round)
            if number > rollback.event.to_round
        }
        renewed = {
            before.token_id
            for tokens in history.tokens.values()
            for token in tokens
            if (before := predecessor(token)) is not None
        }
        return cls(
            state=state,
            sealed=sealed,
            closed=tuple(one for one in history.rounds.values() if one.closed is not None),
            kept=frozenset(history.lineage(history.base_round)),
            retired=retired,
            costs=costs,
            renewed=frozenset(renewed),
        )

    def active(self, facts: RoundFacts, committing: Committing) -> int:
        """How many tokens the site could count in a commitment."""
        key = facts.number, committing.site
        if key not in self._active:
            terms = self.state.history.versions[facts.opened.version].terms
            then = self.state.state_at(committing.commitment.block_number)
            at = facts.opened.close_deadline
            self._active[key] = len(then.active_indices(committing.site, terms.purposes, at))
        return self._active[key]


def may_have_used(
    state: StudyState, facts: RoundFacts, committing: Committing, token_id: int
) -> bool:
    """Whether a site could count a token in a commitment: active to the close deadline at the block
    that the commitment names.
    """
    terms = state.history.versions[facts.opened.version].terms
    then = state.state_at(committing.commitment.block_number)
    return then.is_consent_active(token_id, terms.purposes, facts.opened.close_deadline)


def predecessor(token: Token) -> Token | None:
    """The token that ended because its holder granted this one: the same consent goes on."""
    before = token.before
    if before is None or before.revoked is None:
        return None
    return before if before.revoked.position > token.granted.position else None
