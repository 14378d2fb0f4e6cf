"""What a study has spent: zCDP rho turned into (epsilon, delta), by the ledger and by Opacus.

Unit of privacy: one person's record at one site; neighbours differ by that record's contribution
being zero. Rounds are full batch, so each costs rho = 1 / (2 sigma^2) and rho adds up.

The conversion is corollary 13 of Canonne, Kamath and Steinke (`audit.privacy`). Opacus converts its
RDP figures by the same formula (it cites Balle et al. 2020, theorem 21), at a finite list of
orders; so the two agree up to that list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from audit.privacy import (
    NOISE_MULTIPLIER_UNIT,
    RHO_UNIT,
    epsilon_bun_steinke,
    epsilon_canonne_kamath_steinke,
    excess_noise,
    log_slack_of_round,
)
from chain.messages import Terms, rho_of_round

# alpha - 1 from 0.003 to 100,000, neighbours 2 % apart: the optimum is found to well under 0.1 %.
OPACUS_ORDERS = [1 + math.exp(step / 50) for step in range(-290, 576)]


class PrivacyAccountContradiction(Exception):
    """The rho that the ledger charged is not the rho of the rounds that it sealed."""


@dataclass(frozen=True)
class PrivacyReport:
    """What was spent, at the study's delta.

    Attributes:
        rho: zCDP rho charged by the ledger.
        epsilon_ledger: from rho and slack, by corollary 13 of Canonne, Kamath and Steinke.
        epsilon_bun_steinke: the same by proposition 1.3 of Bun and Steinke (2016), looser.
        epsilon_opacus: Opacus's RDP accountant at sampling rate 1, for the same rounds.
        epsilon_shown: the larger of `epsilon_ledger` and `epsilon_opacus`.
        delta: the terms' delta.
        slack: rho that the sum of discrete Gaussians costs beyond one discrete Gaussian, in all
            rounds (an upper bound; 0.0 when it is below the smallest float).
        log10_slack: its decimal logarithm, which does not underflow; -inf for none.
        excess_noise_factor: standard deviation of the noise in the sum over sigma C, when more
            than m - t sites contribute; None when their number is not given.
    """

    rho: float
    epsilon_ledger: float
    epsilon_bun_steinke: float
    epsilon_opacus: float
    epsilon_shown: float
    delta: float
    slack: float
    log10_slack: float
    excess_noise_factor: float | None


def epsilon_spent(
    terms: Terms,
    rho_spent: int,
    rounds: int | Mapping[int, int],
    contributors: int | None = None,
) -> PrivacyReport:
    """The account of a study.

    Args:
        terms: the terms in force, for delta, noise and vector length.
        rho_spent: RoundLedger.rhoSpent, in 1e-18.
        rounds: number of charged rounds under these terms; or, when versions had different noise,
            the number by noise multiplier (millionths).
        contributors: members of a sealed set (|S|).

    Raises:
        PrivacyAccountContradiction: the rounds do not cost `rho_spent`.
        ValueError: a number is out of range.
    """
    charged = {terms.noise_multiplier: rounds} if isinstance(rounds, int) else dict(rounds)
    if any(count < 0 for count in charged.values()):
        raise ValueError("a number of rounds is not negative")
    expected = sum(rho_of_round(sigma) * count for sigma, count in charged.items() if count)
    if expected != rho_spent:
        raise PrivacyAccountContradiction(
            f"the rounds given cost rho {expected}e-18, the ledger charged {rho_spent}e-18"
        )
    number = sum(charged.values())
    log_slack = log_slack_of_round(terms) + math.log(number) if number else -math.inf
    slack = math.exp(log_slack)
    rho = rho_spent / RHO_UNIT
    delta = terms.delta / RHO_UNIT
    ledger = epsilon_canonne_kamath_steinke(rho + slack, delta)
    opacus = epsilon_opacus(charged, delta)
    return PrivacyReport(
        rho=rho,
        epsilon_ledger=ledger,
        epsilon_bun_steinke=epsilon_bun_steinke(rho + slack, delta),
        epsilon_opacus=opacus,
        epsilon_shown=max(ledger, opacus),
        delta=delta,
        slack=slack,
        log10_slack=log_slack / math.log(10),
        excess_noise_factor=None if contributors is None else excess_noise(terms, contributors),
    )


def epsilon_opacus(rounds: Mapping[int, int], delta: float) -> float:
    """Opacus's RDP accountant: `rounds` by noise multiplier (millionths), at sampling rate 1."""
    # Opacus loads torch, which coordinators' and reviewers' other uses of this module do without.
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [
        (multiplier / NOISE_MULTIPLIER_UNIT, 1.0, count)
        for multiplier, count in rounds.items()
        if count
    ]
    return max(0.0, float(accountant.get_epsilon(delta, alphas=OPACUS_ORDERS)))
