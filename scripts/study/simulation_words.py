"""A simulation as facts and tables, for a terminal and for a page alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from federation.planning.foreseen_error import Estimate
from federation.planning.foreseen_privacy import ForeseenPrivacy
from federation.planning.simulating import Simulation

Table = tuple[Sequence[str], list[tuple[object, ...]]]


def privacy_facts(privacy: ForeseenPrivacy) -> list[tuple[str, str]]:
    """What the plan's rounds cost."""
    return [
        ("noise multiplier", f"{privacy.noise_multiplier:.6f}"),
        (
            "one round",
            f"rho {privacy.rho_of_round:.6f}; alone epsilon {privacy.epsilon_of_round:.3g} at"
            f" delta {privacy.delta:.1g}",
        ),
        (
            f"{privacy.rounds} closed rounds",
            f"rho {privacy.rounds * privacy.rho_of_round:.6f}, epsilon"
            f" {privacy.epsilon_of_rounds:.3g}",
        ),
        (
            f"ceiling, {privacy.rounds_in_ceiling} rounds",
            f"rho {privacy.rounds_in_ceiling * privacy.rho_of_round:.6f}, epsilon"
            f" {privacy.epsilon_ceiling:.3g}",
        ),
        ("left for abandoned rounds", f"{privacy.rounds_to_spare}"),
        ("numbers learned", f"{privacy.size}"),
        (
            "noise in the sum",
            f"SD {privacy.noise_of_sum:.3f} clipping norms a number with all {privacy.sites} sites",
        ),
    ]


def excess_table(privacy: ForeseenPrivacy) -> Table:
    """How much more noise than in one place, by how many sites' noise must suffice (m - t)."""
    columns = ("m - t", "noise, times that of one place", "")
    rows: list[tuple[object, ...]] = [
        (honest, f"{factor:.2f}", "as planned" if honest == privacy.chosen else "")
        for honest, factor in privacy.excess.items()
    ]
    return columns, rows


def noise_table(found: Simulation) -> Table:
    """Noise in the mean gradient by number of patients."""
    columns = ("patients", "SD of one number", "length of all")
    return columns, [
        (
            one.patients,
            f"{found.privacy.noise_of_mean(one.patients):.4f}",
            f"{found.privacy.noise_norm(one.patients):.3f}",
        )
        for one in found.errors
    ]


def error_table(found: Simulation, *, intervals: bool) -> Table:
    """Errors by number of patients; each with its interval, or only the difference."""
    columns = ("patients", "published", "private", "no noise", "private is lower by")

    def error(value: Estimate) -> str:
        return interval(value) if intervals else f"{value.mean:.3f}"

    return columns, [
        (
            one.patients,
            *(error(one.rmse[arm]) for arm in ("starting", "private", "without_noise")),
            interval(one.reduction["private"], percent=True),
        )
        for one in found.errors
    ]


def interval(value: Estimate, *, percent: bool = False) -> str:
    """A mean and, in brackets, its 95 % interval."""
    scale, places, unit = (100.0, 1, " %") if percent else (1.0, 3, "")
    mean = f"{scale * value.mean:.{places}f}"
    if math.isnan(value.low):
        return mean + unit
    return f"{mean} ({scale * value.low:.{places}f} to {scale * value.high:.{places}f}){unit}"


CAPTION = (
    "Published: the prior that the study starts from; private and no noise: learned from as many"
    " synthetic patients, with the plan's noise and without. Errors are root mean squared, on the"
    " model's scale, of the visits after the first three of held-out synthetic patients; brackets"
    " are 95 % intervals over the populations, which differ more than the priors do."
)
NOISE_CAPTION = "In clipping norms: one patient's gradient has at most length 1."
