"""results.json: everything that was measured, for programs, and the endpoint fixed before."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from bench.learning import methods
from bench.learning.cohort import Cohort, in_order
from bench.learning.division import Key, Plan
from bench.learning.forecasting import Counting
from bench.learning.methods import FINE_TUNED, PRIOR, TUNED_FREELY, Method
from bench.learning.settings import Settings
from bench.learning.statistics import PLATEAU, Interval, Scores
from bench.learning.training import NO_PRIVACY

SCHEMA: Final = "assent-learning-1"
AIM_ERROR: Final = 0.15
AIM_SPEED: Final = 2.0
HARM: Final = 0.05
"""A group whose error is more than this share above that of a fit to its patients' own data alone
is reported as harmed."""


def build(plan: Plan, scores: Scores, settings_bytes: bytes, seconds: float) -> dict[str, Any]:
    """The whole file, plain numbers; what is not finite is null."""
    cohort = plan.cohort
    model = plan.published.name if plan.published is not None else "trajectory-1"
    return {
        "schema": SCHEMA,
        "cohort": {
            "name": cohort.name,
            "patients": len(cohort.records),
            "results": cohort.results,
            "sites": {
                site: sum(record.site == site for record in cohort.records) for site in cohort.sites
            },
            "codes": [{"code": channel.loinc, "unit": channel.unit} for channel in cohort.channels],
            "notes": [*cohort.notes, *_unmeasured(plan, scores)],
        },
        "model": model,
        "settings_sha256": hashlib.sha256(settings_bytes).hexdigest(),
        "seeds": plan.settings.seeds,
        "held_out_patients": len(scores.patients),
        "methods": {
            one.name: {
                "label": one.label,
                "epsilon": _finite(one.epsilon),
                "delta": plan.settings.delta if math.isfinite(one.epsilon) else None,
            }
            for one in scores.methods()
        },
        "results": _by_count(plan, scores, plan.countings[0]),
        "results_by_visits": _by_count(plan, scores, plan.countings[-1]),
        "primary": {counting: primary(plan, scores, counting) for counting in plan.countings},
        "groups": groups(plan, scores),
        "seconds": round(seconds, 1),
    }


def _unmeasured(plan: Plan, scores: Scores) -> list[str]:
    """What the endpoint asks for and nobody has results for."""
    settings = plan.settings
    prior = Method(PRIOR, settings.primary_epsilon)
    return [
        f"no held-out patient has results after their first {count} {counting}: what is asked there"
        " has no figure"
        for counting in plan.countings
        for count in (settings.primary_count, settings.later_count)
        if not np.isfinite(scores.own[Key(prior, counting, count)]).any()
    ]


def _by_count(plan: Plan, scores: Scores, counting: Counting) -> dict[str, Any]:
    return {
        str(count): {one.name: _one(plan, scores, one, counting, count) for one in scores.methods()}
        for count in plan.settings.counts
    }


def _one(
    plan: Plan, scores: Scores, method: Method, counting: Counting, count: int
) -> dict[str, Any]:
    key = Key(method, counting, count)
    error = scores.rmse(key)
    averaged = Key(_private_or_not("fedavg", method.epsilon), counting, count)
    return {
        "rmse": _finite(error.estimate),
        "interval": [_finite(error.low), _finite(error.high)],
        "rmse_by_code": {
            channel.name: _finite(value)
            for channel, value in zip(plan.cohort.channels, scores.codes[key], strict=True)
        },
        "steps_to_plateau": _steps(plan.settings, scores, key),
        "share_made_worse": _finite(scores.made_worse(key, averaged)),
        "share_made_worse_than": averaged.method.name,
        "covered_by_90_percent_interval": scores.covered[key],
        "epsilon": _finite(method.epsilon),
    }


def _private_or_not(kind: str, epsilon: float) -> Method:
    return Method(kind, epsilon)


def _steps(settings: Settings, scores: Scores, key: Key) -> int | None:
    place = scores.steps_to_plateau(key)
    if place is None or key.method.kind == PRIOR:
        return place
    return settings.steps[place]


def baseline(plan: Plan, scores: Scores, counting: Counting, count: int) -> Method:
    """The better of DP-FedAvg and DP-FedAvg with fine-tuning, as the settings fix it, at this
    count.
    """
    epsilon = plan.settings.primary_epsilon
    both = [Method("fedavg", epsilon, variant) for variant in ("", FINE_TUNED)]
    return min(both, key=lambda one: scores.rmse(Key(one, counting, count)).estimate)


def primary(plan: Plan, scores: Scores, counting: Counting) -> dict[str, Any]:
    """The endpoint: lower error at the primary count; observations and steps for the baseline's
    error at the later one; and the same against other forms of federated averaging.
    """
    settings = plan.settings
    count, later = settings.primary_count, settings.later_count
    prior = Method(PRIOR, settings.primary_epsilon)
    mine = Key(prior, counting, count)
    rival = baseline(plan, scores, counting, count)
    lower = scores.reduction(mine, Key(rival, counting, count))
    late = baseline(plan, scores, counting, later)
    needed = scores.known_to_reach(prior, Key(late, counting, later), settings.counts, counting)
    observations = _ratio(later, needed)
    none = scores.rmse(Key(late, counting, settings.counts[0]), later=True).estimate
    then = scores.rmse(Key(late, counting, later), later=True).estimate
    learns = none > PLATEAU * then if math.isfinite(then) else None
    steps = _steps_ratio(plan, scores, counting, late)
    others = {
        f"{kind}{tail}": (Method("fedavg", epsilon, variant))
        for kind, epsilon in (("dp_fedavg", settings.primary_epsilon), ("fedavg", NO_PRIVACY))
        for tail, variant in (
            ("", ""),
            ("_fine_tuned", FINE_TUNED),
            ("_fine_tuned_freely", TUNED_FREELY),
        )
    }
    return {
        "epsilon": settings.primary_epsilon,
        "known": count,
        "baseline": rival.name,
        "error_lower_by": plain(lower),
        "error_aim": AIM_ERROR,
        "error_aim_reached": lower.estimate >= AIM_ERROR,
        "share_made_worse": _finite(scores.made_worse(mine, Key(rival, counting, count))),
        "later_baseline": late.name,
        "observations_needed": plain(needed),
        "observations_ratio": plain(observations),
        "baseline_learns": learns,
        "observations_aim_reached": bool(learns) and observations.estimate >= AIM_SPEED,
        "steps": steps,
        "against": {
            name: plain(scores.reduction(mine, Key(one, counting, count)))
            for name, one in others.items()
        },
    }


def _ratio(later: int, needed: Interval) -> Interval:
    """How many times fewer; with none needed, as if one were."""
    return Interval(*(later / max(one, 1.0) for one in (needed.estimate, needed.high, needed.low)))


def _steps_ratio(plan: Plan, scores: Scores, counting: Counting, late: Method) -> dict[str, Any]:
    """Adaptation steps to the baseline's plateau: its own, and the prior's."""
    settings = plan.settings
    tuned = Key(
        Method("fedavg", settings.primary_epsilon, FINE_TUNED), counting, settings.later_count
    )
    own = Key(Method(PRIOR, settings.primary_epsilon), counting, settings.later_count)
    place = scores.steps_to_plateau(tuned)
    if place is None:
        return {"baseline": None, "prior": None, "ratio": None, "aim_reached": False}
    goal = scores.curves[tuned][place]
    reached = np.flatnonzero(scores.curves[own] <= goal)
    baseline_steps = settings.steps[place]
    mine = int(reached[0]) if len(reached) else None
    ratio = baseline_steps / max(mine, 1) if mine is not None else None
    return {
        "baseline": baseline_steps,
        "prior": mine,
        "ratio": ratio,
        "aim_reached": ratio is not None and ratio >= AIM_SPEED,
    }


def groups(plan: Plan, scores: Scores) -> list[dict[str, Any]]:
    """Error by site and subgroup at the primary count: who gains, who is made worse, who would do
    better with a fit to their own data alone.
    """
    settings, counting = plan.settings, plan.countings[-1]
    count = settings.primary_count
    mine = Key(Method(PRIOR, settings.primary_epsilon), counting, count)
    rival = Key(baseline(plan, scores, counting, count), counting, count)
    local = Key(Method(methods.OWN_LINE, NO_PRIVACY), counting, count)
    found = []
    for attribute, members in _memberships(plan.cohort).items():
        for group in sorted(set(members.values()), key=in_order):
            chosen = np.array([members.get(patient) == group for patient in scores.patients])
            chosen &= np.isfinite(scores.own[mine])
            if not chosen.any():
                continue
            errors = {
                key.method.name: float(np.sqrt(scores.own[key][chosen].mean()))
                for key in (mine, rival, local)
            }
            found.append(
                {
                    "attribute": attribute,
                    "group": group,
                    "patients": int(chosen.sum()),
                    "rmse": errors,
                    "share_made_worse": float(
                        (scores.own[mine] > scores.own[rival])[chosen].mean()
                    ),
                    "worse_than_own_fit": errors[mine.method.name]
                    > (1 + HARM) * errors[local.method.name],
                }
            )
    return found


def _memberships(cohort: Cohort) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {
        "site": {record.patient: record.site for record in cohort.records}
    }
    for record in cohort.records:
        for attribute, group in cohort.groups.get(record.patient, {}).items():
            found.setdefault(attribute, {})[record.patient] = group
    return found


def plain(one: Interval) -> dict[str, float | None]:
    return {
        "estimate": _finite(one.estimate),
        "low": _finite(one.low),
        "high": _finite(one.high),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
