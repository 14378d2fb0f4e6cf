"""What a plan's privacy will cost, from its numbers alone: noise and epsilon."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from audit.privacy import (
    NOISE_MULTIPLIER_UNIT,
    RHO_UNIT,
    epsilon_canonne_kamath_steinke,
    excess_noise,
    log_slack_of_round,
)
from audit.recipe import Recipe
from audit.rules import broken_terms
from chain.messages import Terms, rho_of_round
from federation.planning.plan import Plan, PlanInvalid
from study.documents import StudyDocuments


@dataclass(frozen=True)
class ForeseenPrivacy:
    """The privacy of a plan, for sets of all its sites.

    Attributes:
        noise_multiplier: sigma, the noise's SD in clipping norms if it were added in one place.
        rho_of_round: zCDP rho that each sealed round is charged.
        epsilon_of_round: of one round alone, at `delta`; rounds do not add up in epsilon.
        rounds: closed rounds that are planned for.
        epsilon_of_rounds: of these rounds; `epsilon_ceiling`: of all that the ceiling has room for.
        rounds_in_ceiling: how many that is; the difference may be abandoned or run again.
        excess: by m - t, for all sites: how many times larger than sigma the noise's SD is.
        chosen: the plan's m - t.
        noise_of_sum: SD of one coordinate of the noise in the sum of clipped gradients, in clipping
            norms.
        size: D, how many coordinates there are.
    """

    noise_multiplier: float
    delta: float
    rho_of_round: float
    epsilon_of_round: float
    rounds: int
    epsilon_of_rounds: float
    rounds_in_ceiling: int
    epsilon_ceiling: float
    sites: int
    excess: dict[int, float]
    chosen: int
    noise_of_sum: float
    size: int

    @property
    def rounds_to_spare(self) -> int:
        """Rounds that may be abandoned after their seal, which are charged too."""
        return self.rounds_in_ceiling - self.rounds

    def noise_of_mean(self, patients: int) -> float:
        """SD of one coordinate of the noise in the mean gradient, in clipping norms."""
        return self.noise_of_sum / patients

    def noise_norm(self, patients: int) -> float:
        """Root mean square length of the noise in the mean gradient, in clipping norms: a patient's
        gradient has at most length 1.
        """
        return self.noise_of_mean(patients) * math.sqrt(self.size)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self) | {
            "excess": {str(honest): factor for honest, factor in self.excess.items()},
            "rounds_to_spare": self.rounds_to_spare,
        }


def foresee_privacy(plan: Plan, recipe: Recipe, rounds: int) -> ForeseenPrivacy:
    """The privacy of `rounds` closed rounds of a plan.

    By the ledger's rho and the conversion of `audit.privacy`, with the slack of the distributed
    discrete sum, as a live study's account.

    Raises:
        PlanInvalid: the design's numbers do not fit each other, the registry would refuse them, or
            the ceiling has no room for the rounds.
    """
    terms = _terms(plan, recipe)
    if not 1 <= rounds <= plan.design.rounds:
        raise PlanInvalid(
            f"design.rounds: the ceiling has room for {plan.design.rounds} rounds, not {rounds}"
        )
    sites, delta = len(terms.sites), terms.delta / RHO_UNIT
    rho = rho_of_round(terms.noise_multiplier) / RHO_UNIT
    slack = math.exp(log_slack_of_round(terms))

    def epsilon(count: int) -> float:
        return epsilon_canonne_kamath_steinke(count * (rho + slack), delta)

    sigma = terms.noise_multiplier / NOISE_MULTIPLIER_UNIT
    chosen = terms.min_sites - terms.tolerated_colluders
    return ForeseenPrivacy(
        noise_multiplier=sigma,
        delta=delta,
        rho_of_round=rho,
        epsilon_of_round=epsilon(1),
        rounds=rounds,
        epsilon_of_rounds=epsilon(rounds),
        rounds_in_ceiling=plan.design.rounds,
        epsilon_ceiling=epsilon(plan.design.rounds),
        sites=sites,
        excess={honest: math.sqrt(sites / honest) for honest in range(2, sites + 1)},
        chosen=chosen,
        noise_of_sum=sigma * excess_noise(terms, sites),
        size=recipe.size,
    )


def _terms(plan: Plan, recipe: Recipe) -> Terms:
    """The terms that a proposal would write; no document's hash matters to a simulation."""
    nothing = StudyDocuments(b"", b"", b"", recipe, b"", b"")
    try:
        terms = plan.design.design().terms(nothing, plan.coordinator, plan.sites, recipe.size)
    except ValueError as error:
        raise PlanInvalid(f"design: {error}") from None
    broken = broken_terms(terms)
    if broken == ["noise_multiplier"]:
        raise PlanInvalid(
            "design: clipping_norm is too small, or epsilon too large, for noise on the grid of a"
            " sum; the registry refuses such terms"
        )
    if broken:
        raise PlanInvalid(f"design: the registry refuses terms with this {broken[0]}")
    return terms
