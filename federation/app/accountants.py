"""Privacy accountants that others maintain, asked about the rounds that the ledger charged.

Three independent figures for full-batch rounds of the Gaussian mechanism: Renyi DP by Opacus, Renyi
DP by Google's dp-accounting, and the privacy loss distribution (PLD: Sommer, Meiser and Mohammadi,
PoPETs 2019) by dp-accounting. All take the neighbours that this project means: one record's
contribution is zero (`REPLACE_SPECIAL`), which for a Gaussian sum costs the same as one record more
or less.

The libraries are imported when asked, not with this module: a site's process accounts in rho and
needs neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.privacy import NOISE_MULTIPLIER_UNIT, epsilon_canonne_kamath_steinke

# alpha - 1 from 0.003 to 100,000, neighbours 2 % apart: the optimum is found to well under 0.1 %.
ORDERS = [1 + math.exp(step / 50) for step in range(-290, 576)]

# Of sampled rounds, each order costs a sum, which below 2 may not converge; any order is a bound.
_SAMPLED_ORDERS = [*(2 + k / 4 for k in range(36)), *range(11, 64), 128, 256, 512, 1024]

PLD_INTERVAL = 1e-4
"""Width of the PLD's grid over the epsilon expected. Estimates are pessimistic, so a coarser grid
is still a bound; this one adds at most about one ten-thousandth for each noise multiplier.
"""


@dataclass(frozen=True)
class SampledAccount:
    """What rounds would cost if each had drawn its patients at random, unseen by anyone.

    Attributes:
        sampling_rate: probability with which each patient enters a round (Poisson sampling).
        epsilon_opacus, epsilon_rdp, epsilon_pld: by Opacus, and by dp-accounting's two accountants.
        epsilon_full_batch: the same rounds without sampling, which is what studies here run.
    """

    sampling_rate: float
    epsilon_opacus: float
    epsilon_rdp: float
    epsilon_pld: float
    epsilon_full_batch: float


def rho_by_accountants(rounds: Mapping[int, int]) -> float:
    """The zCDP rho that both RDP accountants imply: the largest RDP(alpha) / alpha over the orders.

    ``rounds``: number by noise multiplier (millionths). Exact where Renyi DP is a line through the
    origin, which the Gaussian mechanism's is (Bun and Steinke 2016, proposition 1.6). 0.0 for none.
    """
    if not any(rounds.values()):
        return 0.0
    from dp_accounting.rdp import rdp_privacy_accountant as google  # type: ignore[import-untyped]
    from opacus.accountants.analysis import rdp as opacus

    figures = []
    for multiplier, count in rounds.items():
        if not count:
            continue
        sigma = multiplier / NOISE_MULTIPLIER_UNIT
        by_opacus = opacus.compute_rdp(q=1.0, noise_multiplier=sigma, steps=count, orders=ORDERS)
        accountant = google.RdpAccountant(ORDERS, _neighbours())
        accountant.compose(_gaussian(sigma), count)
        by_google = accountant._rdp  # it has no public name, and epsilon alone hides the curve
        figures.append(
            max(
                float(value) / order
                for found in (by_opacus, by_google)
                for order, value in zip(ORDERS, found, strict=True)
            )
        )
    return math.fsum(figures)


def epsilon_opacus(rounds: Mapping[int, int], delta: float) -> float:
    """Opacus's RDP accountant: `rounds` by noise multiplier (millionths), at sampling rate 1."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [
        (multiplier / NOISE_MULTIPLIER_UNIT, 1.0, count)
        for multiplier, count in rounds.items()
        if count
    ]
    return max(0.0, float(accountant.get_epsilon(delta, alphas=ORDERS)))


def epsilon_rdp(rounds: Mapping[int, int], delta: float) -> float:
    """dp-accounting's RDP accountant, as `epsilon_opacus`."""
    from dp_accounting.rdp import RdpAccountant

    return _composed(RdpAccountant(ORDERS, _neighbours()), rounds, delta)


def epsilon_pld(rounds: Mapping[int, int], delta: float) -> float:
    """dp-accounting's PLD accountant, as `epsilon_opacus`.

    It is about the continuous Gaussian. The discrete one has the same Renyi bound (Canonne, Kamath
    and Steinke 2020, theorem 4), but no theorem carries a PLD over to a sum of discrete ones.
    """
    from dp_accounting.pld import PLDAccountant  # type: ignore[import-untyped]

    if not any(rounds.values()):
        return 0.0
    rho = sum(n / (2 * (s / NOISE_MULTIPLIER_UNIT) ** 2) for s, n in rounds.items())
    interval = PLD_INTERVAL * max(0.01, epsilon_canonne_kamath_steinke(rho, delta))
    return _composed(PLDAccountant(_neighbours(), interval), rounds, delta)


def epsilon_if_sampled(
    noise_multiplier: float, rounds: int, delta: float, sampling_rate: float
) -> SampledAccount:
    """What `rounds` rounds would cost if each drew every patient with `sampling_rate`.

    For comparison and for planning: studies here are full batch, since a cohort is public (its size
    is on chain, and a patient can ask for a receipt), and amplification by sampling is lost when
    anyone sees who was drawn. No report of a study uses it.

    Args:
        noise_multiplier: sigma, above 0.

    Raises:
        ValueError: an argument is out of range; a rate of 1 is a full batch, which
            `federation.app.privacy.epsilon_spent` accounts.
    """
    if not 0 < sampling_rate < 1:
        raise ValueError(
            f"sampling rate {sampling_rate} is not between 0 and 1; a full batch has no"
            " amplification, ask epsilon_spent for what it costs"
        )
    if not (0 < noise_multiplier < math.inf and rounds >= 1 and 0 < delta < 1):
        raise ValueError("noise multiplier and rounds must be positive, delta between 0 and 1")
    from dp_accounting import PoissonSampledDpEvent  # type: ignore[import-untyped]
    from dp_accounting.pld import PLDAccountant
    from dp_accounting.rdp import RdpAccountant
    from opacus.accountants import RDPAccountant

    sampled = PoissonSampledDpEvent(sampling_rate, _gaussian(noise_multiplier))
    by_pld = PLDAccountant()
    by_rdp = RdpAccountant(_SAMPLED_ORDERS)
    for accountant in (by_pld, by_rdp):
        accountant.compose(sampled, rounds)
    by_opacus = RDPAccountant()
    by_opacus.history = [(noise_multiplier, sampling_rate, rounds)]
    return SampledAccount(
        sampling_rate=sampling_rate,
        epsilon_opacus=float(by_opacus.get_epsilon(delta, alphas=_SAMPLED_ORDERS)),
        epsilon_rdp=float(by_rdp.get_epsilon(delta)),
        epsilon_pld=float(by_pld.get_epsilon(delta)),
        epsilon_full_batch=epsilon_canonne_kamath_steinke(
            rounds / (2 * noise_multiplier**2), delta
        ),
    )


def _composed(accountant: Any, rounds: Mapping[int, int], delta: float) -> float:
    for multiplier, count in rounds.items():
        if count:
            accountant.compose(_gaussian(multiplier / NOISE_MULTIPLIER_UNIT), count)
    return max(0.0, float(accountant.get_epsilon(delta)))


def _gaussian(sigma: float) -> Any:
    from dp_accounting import GaussianDpEvent

    return GaussianDpEvent(sigma)


def _neighbours() -> Any:
    from dp_accounting import NeighboringRelation

    return NeighboringRelation.REPLACE_SPECIAL
