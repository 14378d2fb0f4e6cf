"""A study before approval: what its plan would cost in noise and privacy, and what it would learn,
on synthetic patients, with neither chain nor Flower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from federation.app.learning.learners import PRIOR
from federation.app.learning.recipe import ROUNDS
from federation.planning.foreseen_error import (
    SUPPORT_VISITS,
    ErrorBySize,
    Task,
    run_tasks,
    summarise,
)
from federation.planning.foreseen_privacy import ForeseenPrivacy, foresee_privacy
from federation.planning.plan import Plan, PlanInvalid
from federation.planning.proposing import recipe_of_plan

CAVEAT: Final = (
    "All figures of error are of synthetic patients, drawn from the model itself: they say what"
    " noise and numbers do, and are a best case. No real patient was looked at."
)


@dataclass(frozen=True)
class Size:
    """How large a simulation is.

    Attributes:
        patients: numbers of patients, over all sites, that take part in every round.
        worlds: synthetic populations; intervals are over them.
        held_out: patients of each that are forecast.
    """

    patients: tuple[int, ...] = (25, 50, 100, 150, 250, 500)
    worlds: int = 5
    held_out: int = 200


QUICK: Final = Size((25, 100), worlds=3, held_out=60)


@dataclass(frozen=True)
class Simulation:
    """What was foreseen; `seed` makes it again in the same environment."""

    model: str
    clipping_norm: float
    privacy: ForeseenPrivacy
    errors: tuple[ErrorBySize, ...]
    worlds: int
    held_out: int
    seed: int

    def to_json(self) -> dict[str, object]:
        """Plain values, ready for json.dumps."""
        return {
            "schema": "assent-simulation-1",
            "note": CAVEAT,
            "model": self.model,
            "clipping_norm": self.clipping_norm,
            "privacy": self.privacy.to_json(),
            "worlds": self.worlds,
            "held_out_patients": self.held_out,
            "support_visits": SUPPORT_VISITS,
            "seed": self.seed,
            "by_patients": [
                {
                    "patients": one.patients,
                    "noise_of_mean": self.privacy.noise_of_mean(one.patients),
                    "noise_norm": self.privacy.noise_norm(one.patients),
                    "rmse": {arm: value.to_json() for arm, value in one.rmse.items()},
                    "reduction": {arm: value.to_json() for arm, value in one.reduction.items()},
                }
                for one in self.errors
            ],
        }


def simulate(
    plan: Plan,
    folder: Path,
    size: Size,
    *,
    rounds: int | None = None,
    seed: int = 1,
    jobs: int = 1,
    progress: Callable[[float], None] = lambda patients: None,
) -> Simulation:
    """Simulates a plan.

    Args:
        folder: the plan's, where its recipe is.
        rounds: closed rounds; without it 8 or, if its ceiling has less room, as many as that has.
        jobs: processes.
        progress: is told of patients as they are done; `work_of` says how many there are.

    Raises:
        PlanInvalid: it names the member of the plan at fault.
    """
    recipe = recipe_of_plan(plan, folder)
    if recipe.learner != PRIOR:
        raise PlanInvalid(
            f"recipe: it learns {recipe.learner}; only what learns {PRIOR} can be simulated:"
            " `assent bench learning` compares the others"
        )
    closed = min(ROUNDS, plan.design.rounds) if rounds is None else rounds
    privacy = foresee_privacy(plan, recipe, closed)
    tasks = [
        Task(
            recipe=recipe,
            rounds=closed,
            clip_norm=plan.design.clipping_norm,
            noise_of_sum=privacy.noise_of_sum,
            world=world,
            patients=patients,
            held_out=size.held_out,
            seed=seed,
        )
        for world in range(size.worlds)
        for patients in size.patients
    ]
    errors = summarise(tasks, run_tasks(tasks, jobs, progress))
    return Simulation(
        recipe.model,
        plan.design.clipping_norm,
        privacy,
        tuple(errors),
        size.worlds,
        size.held_out,
        seed,
    )


def work_of(size: Size) -> int:
    """What `progress` adds up to."""
    return size.worlds * sum(size.patients)
