"""How the settings of the comparison were chosen, without a patient: `python -m
bench.learning.tune`.

For each candidate of each kind of learner, the mean logarithm of RMSE over made-up cohorts
(`bench.learning.worlds`), at 3 and 7 observations and at 1 and 3 visits: lower is better, 0.01 is
1 %. Every kind has as many candidates as every other: the same tuning budget. A point learner is
scored with the fine-tuning that is best for each candidate over all cohorts, which is then fixed.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.learning import methods
from bench.learning.cohort import Cohort, Record
from bench.learning.division import Plan, divide, ground_of, ruler_of
from bench.learning.forecasting import Counting, Items, by_point, by_prior, items
from bench.learning.private import Descent
from bench.learning.scoring import Errors, Ruler, mean_error, scaled_records
from bench.learning.settings import Settings, read
from bench.learning.side_by_side import set_threads
from bench.learning.training import Ground, learn_point, learn_prior
from bench.learning.worlds import course_world, tailed_world, world
from twin.protocol import TwinModel

FloatArray = NDArray[np.float64]
Forecast = Callable[[Items], FloatArray]

SCORED: Final[tuple[tuple[Counting, int], ...]] = (
    ("observations", 3),
    ("observations", 7),
    ("visits", 1),
    ("visits", 3),
)
MADE: Final[Mapping[str, Callable[[int], Cohort]]] = {
    "plain": world,
    "course": course_world,
    "tailed": tailed_world,
}
#: Eight of each, for codes that nobody has published a course of: rates of all numbers, how many
#: times as fast means move, beta1, weight of the noise.
PRIORS: Final = tuple(
    Descent(8, 0.25, rate, beta1, 0.99, 0.002, noise_weight, mean_rate)
    for rate, mean_rate, beta1, noise_weight in (
        (0.3, 1.0, 0.5, 3.0),
        (0.3, 1.5, 0.5, 3.0),
        (0.3, 2.0, 0.5, 3.0),
        (0.3, 2.5, 0.5, 3.0),
        (0.4, 1.5, 0.5, 3.0),
        (0.6, 1.0, 0.5, 3.0),
        (0.3, 2.0, 0.5, 2.0),
        (0.3, 2.0, 0.7, 3.0),
    )
)
POINTS: Final = tuple(
    Descent(8, 0.25, rate, beta1, 0.99, 0.002, noise_weight)
    for rate, beta1, noise_weight in (
        (0.2, 0.5, 0.0),
        (0.3, 0.5, 0.0),
        (0.4, 0.5, 3.0),
        (0.6, 0.5, 3.0),
        (0.8, 0.5, 3.0),
        (0.6, 0.5, 6.0),
        (0.6, 0.5, 1.5),
        (0.6, 0.7, 3.0),
    )
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--kind", choices=list(MADE), default="plain", help="of world")
    parser.add_argument("--learners", nargs="+", default=["prior", "fedavg", "maml", "reptile"])
    options = parser.parse_args()
    set_threads()
    settings = read(published=False)
    make = MADE[options.kind]
    found: dict[str, list[FloatArray]] = defaultdict(list)
    for number in range(options.first, options.first + options.worlds):
        for name, errors in _errors(make(number), number, settings, options.learners).items():
            found[name].append(errors)
        print(f"world {number} done", flush=True)
    for name, several in found.items():
        _tell(name, np.mean(several, axis=0), settings)


def _errors(
    cohort: Cohort, number: int, settings: Settings, kinds: list[str]
) -> Mapping[str, FloatArray]:
    """Log RMSE by candidate: of a prior [4], of a point learner [rates, steps, 4]."""
    plan = Plan(cohort, settings, None, ("observations", "visits"))
    ruler_model = ruler_of(plan)
    sites, out = divide(cohort, settings.held_out, number)
    found: dict[str, FloatArray] = {}
    generator = np.random.default_rng([number, 8])
    ground = ground_of(plan, sites, 8.0, generator)
    scaled = scaled_records(ground.model, out)
    rulers = {
        counting: Ruler(ruler_model, out, settings.later_count, counting, ground.scored)
        for counting in plan.countings
    }
    parts = {
        (counting, count): list(items(out, scaled, count, ground.scored, counting, most=40))
        for counting, count in SCORED
    }
    for kind in kinds:
        for place, candidate in enumerate(PRIORS if kind == "prior" else POINTS):
            noise = np.random.default_rng([number, 1])  # the same for all candidates
            if kind == "prior":
                using = replace(ground, settings=replace(settings, prior=candidate))
                found[f"prior {place}"] = _prior(using, learn_prior(using, noise), rulers, parts)
            else:
                point = {**settings.point, kind: candidate}
                using = replace(ground, settings=replace(settings, point=point))
                learned = learn_point(kind, using, noise)
                found[f"{kind} {place}"] = _point(using, kind, learned, out, rulers, parts)
    return found


def _prior(
    ground: Ground,
    prior: FloatArray,
    rulers: Mapping[Counting, Ruler],
    parts: Mapping[tuple[Counting, int], Sequence[Items]],
) -> FloatArray:
    model = ground.model
    errors = [
        _log_error(rulers[at[0]], model, parts[at], lambda one: by_prior(model, prior, one)[0])
        for at in SCORED
    ]
    return np.array(errors)


def _point(
    ground: Ground,
    kind: str,
    point: FloatArray,
    out: Sequence[Record],
    rulers: Mapping[Counting, Ruler],
    parts: Mapping[tuple[Counting, int], Sequence[Items]],
) -> FloatArray:
    settings = ground.settings
    scaled = scaled_records(ground.model, out)
    found = np.full((len(settings.rates), len(settings.steps), len(SCORED)), np.nan)
    for counting in rulers:
        own = methods.personal_points(ground, kind, point, out, scaled, counting)
        for place, (counted, count) in enumerate(SCORED):
            if counted != counting:
                continue
            at = own[:, :, :, settings.counts.index(count)]
            for rate in range(len(settings.rates)):
                for step in range(len(settings.steps)):
                    found[rate, step, place] = _log_error(
                        rulers[counting],
                        ground.model,
                        parts[counting, count],
                        _forecast_at(ground.model, at[rate, step]),
                    )
    return found


def _forecast_at(model: TwinModel, points: FloatArray) -> Forecast:
    return lambda part: by_point(model, points[part.patient], part)


def _log_error(ruler: Ruler, model: TwinModel, parts: Sequence[Items], forecast: Forecast) -> float:
    """The logarithm of the RMSE of means."""
    sums = Errors.none(len(ruler.records), len(ruler.scored))
    for part in parts:
        ruler.add(sums, model, part, forecast(part))
    return float(np.log(mean_error(sums)) / 2)


def _tell(name: str, errors: FloatArray, settings: Settings) -> None:
    if errors.ndim == 1:
        print(f"{name:12} " + " ".join(f"{one:8.4f}" for one in errors) + f"  {errors.mean():8.4f}")
        return
    best, told = [], []
    for place in range(errors.shape[2]):
        rate, step = np.unravel_index(np.argmin(errors[:, :, place]), errors.shape[:2])
        best.append(errors[rate, step, place])
        told.append(f"{settings.rates[rate]:g}x{settings.steps[step]}")
    print(
        f"{name:12} "
        + " ".join(f"{one:8.4f}" for one in best)
        + f"  {np.mean(best):8.4f}  "
        + " ".join(told)
    )


if __name__ == "__main__":
    main()
