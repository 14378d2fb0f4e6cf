"""What a study has spent: zCDP rho turned into (epsilon, delta), by the ledger and by others.

Unit of privacy: one person's record at one site; neighbours differ by that record's contribution
being zero. Rounds are full batch, so each costs rho = 1 / (2 sigma^2) and rho adds up.

The conversion is corollary 13 of Canonne, Kamath and Steinke (`audit.privacy`). Opacus and
dp-accounting convert their RDP figures by the same formula (Opacus cites Balle et al. 2020, theorem
21; dp-accounting proposition 12), at a finite list of orders; so they agree up to that list. The
privacy loss distribution is tighter, and is told beside, never instead: see `epsilon_pld`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from audit.privacy import (
    RHO_UNIT,
    epsilon_bun_steinke,
    epsilon_canonne_kamath_steinke,
    excess_noise,
    log_slack_of_round,
)
from chain.messages import Terms, rho_of_round
from federation.app.accountants import (
    epsilon_opacus,
    epsilon_pld,
    epsilon_rdp,
    rho_by_accountants,
)

RHO_TOLERANCE = 1e-9
"""How far, relatively, the accountants' rho may be from the ledger's. The ledger rounds up and adds
one unit of 1e-18 a round; everything else is floating point.
"""


class PrivacyAccountContradiction(Exception):
    """The rho that the ledger charged is not the rho of the rounds that it sealed, or not what the
    accountants say that they cost.
    """


@dataclass(frozen=True)
class PrivacyReport:
    """What was spent, at the study's delta.

    Attributes:
        rho: zCDP rho charged by the ledger.
        rho_accountants: what both RDP accountants imply for the same rounds; never above `rho` by
            more than `RHO_TOLERANCE`, nor below it by more than that and what the ledger rounds up.
        epsilon_ledger: from rho and slack, by corollary 13 of Canonne, Kamath and Steinke.
        epsilon_bun_steinke: the same by proposition 1.3 of Bun and Steinke (2016), looser.
        epsilon_opacus: Opacus's RDP accountant at sampling rate 1, for the same rounds.
        epsilon_rdp: dp-accounting's RDP accountant, likewise.
        epsilon_pld: dp-accounting's privacy loss distribution: tighter; continuous Gaussian.
        epsilon_shown: the largest of ledger's, Opacus's and dp-accounting's.
        delta: the terms' delta.
        slack: rho that the sum of discrete Gaussians costs beyond one discrete Gaussian, in all
            rounds (an upper bound; 0.0 when it is below the smallest float).
        log10_slack: its decimal logarithm, which does not underflow; -inf for none.
        excess_noise_factor: standard deviation of the noise in the sum over sigma C, when more
            than m - t sites contribute; None when their number is not given.
    """

    rho: float
    rho_accountants: float
    epsilon_ledger: float
    epsilon_bun_steinke: float
    epsilon_opacus: float
    epsilon_rdp: float
    epsilon_pld: float
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
        PrivacyAccountContradiction: the rounds do not cost `rho_spent`, by the ledger's rule or by
            the accountants.
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
    accountants = _rho_of_accountants(charged, rho, number)
    ledger = epsilon_canonne_kamath_steinke(rho + slack, delta)
    opacus, rdp = epsilon_opacus(charged, delta), epsilon_rdp(charged, delta)
    pld = epsilon_pld(charged, delta)
    return PrivacyReport(
        rho=rho,
        rho_accountants=accountants,
        epsilon_ledger=ledger,
        epsilon_bun_steinke=epsilon_bun_steinke(rho + slack, delta),
        epsilon_opacus=opacus,
        epsilon_rdp=rdp,
        epsilon_pld=pld,
        epsilon_shown=max(ledger, opacus, rdp, pld),
        delta=delta,
        slack=slack,
        log10_slack=log_slack / math.log(10),
        excess_noise_factor=None if contributors is None else excess_noise(terms, contributors),
    )


def _rho_of_accountants(charged: Mapping[int, int], rho: float, rounds: int) -> float:
    found = rho_by_accountants(charged)
    rounded_up = 2 * rounds / RHO_UNIT
    if (
        not found - rho <= RHO_TOLERANCE * rho
        or not rho - found <= RHO_TOLERANCE * rho + rounded_up
    ):
        raise PrivacyAccountContradiction(
            f"the ledger charged rho {rho!r}, the accountants say {found!r} for the same rounds"
        )
    return found
