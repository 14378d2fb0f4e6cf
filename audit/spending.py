"""What a study's sealed rounds have cost in privacy, each and in total, as rho and as epsilon.

Epsilon is at the delta of the terms in force, by corollary 13 of Canonne, Kamath and Steinke (2020,
arXiv 2004.00010), of rho and the slack of the distributed discrete sum: see `audit.privacy`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audit.consent_state import StudyState
from audit.privacy import RHO_UNIT, epsilon_canonne_kamath_steinke, log_slack_of_round
from chain.messages import Terms, rho_of_round


@dataclass(frozen=True)
class Charge:
    """One sealed round's charge, and all up to it; rho in 1e-18.

    Attributes:
        bounded: zCDP of all up to it with the slack of the distributed discrete sum, as a number.
        delta: at which `epsilon` is told.
    """

    number: int
    rho: int
    rho_spent: int
    bounded: float
    delta: float

    @property
    def epsilon(self) -> float:
        """Of all rounds up to it; worked out when asked for, which costs a sixth of a ms."""
        return epsilon_canonne_kamath_steinke(self.bounded, self.delta)


@dataclass(frozen=True)
class Spending:
    """The privacy account, by the ledger's charges. rho in 1e-18.

    Attributes:
        charged: sealed rounds, whatever became of them.
        rounds_left: how many more the ceiling has room for under the terms in force.
        epsilon, epsilon_ceiling: at `delta`.
    """

    rho_spent: int
    rho_ceiling: int
    charged: int
    rounds_left: int
    epsilon: float
    epsilon_ceiling: float
    delta: float

    def to_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "rho_spent": str(self.rho_spent),
            "rho_ceiling": str(self.rho_ceiling),
        }


def newest_terms(state: StudyState) -> Terms:
    """The terms in force, or those first proposed while none are."""
    standing = state.standing
    version = standing.current_version if standing and standing.current_version else 1
    return state.history.versions[version].terms


def charges(state: StudyState) -> Iterator[Charge]:
    """Every sealed round's, whatever became of it."""
    versions, delta, slack = state.history.versions, newest_terms(state).delta / RHO_UNIT, 0.0
    for facts in state.history.rounds.values():
        if facts.sealed is not None:
            slack += math.exp(log_slack_of_round(versions[facts.opened.version].terms))
            spent = facts.sealed.rho_spent
            bounded = spent / RHO_UNIT + slack
            yield Charge(facts.number, facts.sealed.rho, spent, bounded, delta)


def spending(state: StudyState) -> Spending:
    """What the study's sealed rounds have spent."""
    terms, every = newest_terms(state), list(charges(state))
    spent = state.history.rho_spent
    bounded = every[-1].bounded if every else 0.0
    cost = rho_of_round(terms.noise_multiplier)
    left = max(0, terms.rho_ceiling - spent) // cost
    slack = bounded - (every[-1].rho_spent if every else 0) / RHO_UNIT
    slack += left * math.exp(log_slack_of_round(terms))
    delta = terms.delta / RHO_UNIT
    return Spending(
        rho_spent=spent,
        rho_ceiling=terms.rho_ceiling,
        charged=len(every),
        rounds_left=left,
        epsilon=epsilon_canonne_kamath_steinke(bounded, delta),
        epsilon_ceiling=epsilon_canonne_kamath_steinke(terms.rho_ceiling / RHO_UNIT + slack, delta),
        delta=delta,
    )
