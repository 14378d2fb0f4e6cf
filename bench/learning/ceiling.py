"""How much is there to learn at all, and how much of it does the private prior have?

`python -m bench.learning.ceiling --out out/ceiling`, or with `--cohort nafld`. On two cores scd
takes 20 minutes and nafld 2; for a quick look at scd, `--seeds 2 --patients 784` takes 2.

Boosted trees learn, without privacy, from the pooled records of many times the patients, who are in
no comparison: for the synthetic sickle-cell cohort (scd), sixty more cohorts of the same centres;
for the laboratory results (nafld), everybody whom `bench.learning.public_cohorts` leaves out. On
the comparison's held-out patients they stand beside the private prior and DP-FedAvg of the same
divisions. They also learn from a sixteenth and a quarter of these patients, which shows whether
more would help. Another learner might find more: it is the least that there is to learn.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.learning import division, others, pooled_trees, results
from bench.learning.cohort import Cohort, Record
from bench.learning.division import Division, Forecasts, Key, Plan
from bench.learning.forecasting import Counting
from bench.learning.methods import PRIOR, Method
from bench.learning.run import countings_of
from bench.learning.scoring import Errors
from bench.learning.settings import read
from bench.learning.side_by_side import side_by_side
from bench.learning.statistics import Scores, collect
from bench.learning.training import NO_PRIVACY, scored_of
from scripts.counting import Tell, counting
from twin.protocol import TwinModel

SCHEMA: Final = "assent-ceiling-1"

SHARES: Final = (16, 4, 1)
"""Trees learn from one in so many of the other patients."""

LEAST_OTHERS: Final = 160
"""Patients to learn from: trees of a sixteenth need some to choose by."""


@dataclass(frozen=True)
class Known:
    """How many results are known, and what is counted."""

    counting: Counting
    count: int

    @property
    def name(self) -> str:
        return f"{self.count} {self.counting}"


def measure(
    cohort: Cohort,
    published: TwinModel | None,
    other: Sequence[Record],
    *,
    seeds: int | None = None,
    jobs: int | None = None,
) -> dict[str, Any]:
    """Everything that ceiling.json holds; progress goes to stderr.

    ``published``: see `bench.learning.run.compare`; so are ``seeds`` and ``jobs``. ``other``:
    patients who are not of the cohort, with its channels.
    """
    settings = read(published=published is not None)
    if seeds is not None:
        settings = replace(settings, seeds=seeds)
    plan = Plan(cohort, settings, published, countings_of(cohort))
    ruler = division.ruler_of(plan)
    with counting("the prior and DP-FedAvg: divisions") as tell:
        work = partial(division.run_endpoint, plan, ruler)
        divisions = side_by_side(work, range(settings.seeds), jobs, tell)
    with counting("boosted trees: codes learned") as tell:
        trees, chosen = by_trees(plan, ruler, other, tell)
    scores = collect([_beside(one, trees, plan) for one in divisions], settings.resamples)
    return {
        "schema": SCHEMA,
        "cohort": cohort.name,
        "patients": len(cohort.records),
        "held_out_patients": len(scores.patients),
        "seeds": settings.seeds,
        "epsilon": settings.primary_epsilon,
        "trees": {"scikit-learn": version("scikit-learn"), "chosen": chosen},
        "known": {one.name: _endpoint(plan, scores, one, other) for one in knowns(plan)},
    }


def knowns(plan: Plan) -> tuple[Known, ...]:
    """The endpoint's, by each way of counting; and the later count, by the last of them."""
    settings = plan.settings
    primary = tuple(Known(one, settings.primary_count) for one in plan.countings)
    return (*primary, Known(plan.countings[-1], settings.later_count))


def trees_of(patients: int) -> Method:
    return Method(f"pooled_trees_{patients}", NO_PRIVACY)


def by_trees(
    plan: Plan, ruler: TwinModel, other: Sequence[Record], tell: Tell
) -> tuple[dict[Key, Errors], dict[str, Any]]:
    """Errors on all of the cohort's patients of trees that learned from others, and what validation
    chose. What is learned does not depend on how the cohort is divided.

    They learn on the ruler's scale, and so just what is scored, in their favour.
    """
    wanted = knowns(plan)
    steps = len(wanted) * len(SHARES) * int(scored_of(ruler).sum())
    done = 0
    errors: dict[Key, Errors] = {}
    chosen: dict[str, Any] = {one.name: {} for one in wanted}
    tell(done, steps)

    def told() -> None:
        nonlocal done
        done += 1
        tell(done, steps)

    for share in SHARES:
        records = other[::share]
        method = trees_of(len(records))
        for one in wanted:
            learned = pooled_trees.learn(ruler, records, one.count, one.counting, told)
            forecasts = Forecasts(
                ruler, ruler, plan.cohort.records, one.counting, plan.settings.later_count
            )
            forecasts.add(method, one.count, learned.forecast)
            errors |= forecasts.errors
            chosen[one.name][str(len(records))] = {
                plan.cohort.channels[channel].name: {"leaves": how.leaves, "trees": how.trees}
                for channel, how in learned.chosen.items()
            }
    return errors, chosen


def _beside(one: Division, trees: Mapping[Key, Errors], plan: Plan) -> Division:
    """A division with the trees' errors on the patients that it holds out."""
    place = {record.patient: row for row, record in enumerate(plan.cohort.records)}
    rows = np.array([place[patient] for patient in one.patients], dtype=np.int64)
    return replace(one, errors={**one.errors, **{key: e.of(rows) for key, e in trees.items()}})


def _endpoint(plan: Plan, scores: Scores, known: Known, other: Sequence[Record]) -> dict[str, Any]:
    def key(method: Method) -> Key:
        return Key(method, known.counting, known.count)

    prior = Method(PRIOR, plan.settings.primary_epsilon)
    sizes = [len(other[::share]) for share in SHARES]
    rival = results.baseline(plan, scores, known.counting, known.count)
    best = key(trees_of(sizes[-1]))
    share = scores.share_of_gain(key(prior), best, key(rival))
    # Of what may be no gain at all, a share says nothing.
    certain = scores.reduction(best, key(rival)).low > 0
    return {
        "baseline": rival.name,
        "errors": {
            one.name: {
                "rmse": results.plain(scores.rmse(key(one))),
                "below_baseline": results.plain(scores.reduction(key(one), key(rival))),
            }
            for one in (rival, prior, *map(trees_of, sizes))
        },
        "prior_has_of_the_trees_gain": results.plain(share) if certain else None,
    }


def table(found: Mapping[str, Any]) -> str:
    """The errors, and by how much each is below the baseline's, as Markdown."""
    known = found["known"]
    lines = [
        f"| {found['cohort']}, {found['seeds']} divisions: error, below the baseline by | "
        + " | ".join(f"{name} known" for name in known)
        + " |",
        "| --- |" + " ---: |" * len(known),
    ]
    columns = [list(one["errors"].values()) for one in known.values()]
    for place, label in enumerate(_labels(found)):
        cells = [_cell(column[place], is_baseline=place == 0) for column in columns]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    shares = [_percent(one["prior_has_of_the_trees_gain"]) for one in known.values()]
    lines.append("| of the gain that trees have, the prior has | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def _labels(found: Mapping[str, Any]) -> list[str]:
    epsilon = f"epsilon {found['epsilon']:g}"
    names = list(next(iter(found["known"].values()))["errors"])
    sizes = [int(name.rpartition("_")[2]) for name in names if name.startswith("pooled_trees")]
    return [
        f"the better of DP-FedAvg and DP-FedAvg with fine-tuning, {epsilon}",
        f"hierarchical prior (Assent), {epsilon}",
        *(f"boosted trees without privacy, {size:,} other patients" for size in sizes),
    ]


def _cell(one: Mapping[str, Any], *, is_baseline: bool) -> str:
    error = f"{one['rmse']['estimate']:.3f}"
    return error if is_baseline else f"{error}, {_percent(one['below_baseline'])}"


def _percent(one: Mapping[str, float | None] | None) -> str:
    if one is None:
        return "not told: the trees' gain is not for certain"
    low, estimate, high = (
        None if value is None else round(100 * value)
        for value in (one["low"], one["estimate"], one["high"])
    )
    return "no figure" if None in (low, estimate, high) else f"{estimate} % ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for ceiling.json")
    parser.add_argument("--cohort", choices=others.COHORTS, default="scd")
    parser.add_argument("--seeds", type=int, default=None, help="divisions; 20 when left out")
    parser.add_argument(
        "--patients", type=int, default=None, help="others to learn from; 11,760 (scd), or all"
    )
    options = parser.parse_args()
    if options.seeds is not None and options.seeds < 1:
        parser.error("--seeds: at least one division")
    if options.patients is not None and options.patients < LEAST_OTHERS:
        parser.error(f"--patients: at least {LEAST_OTHERS}")
    started = time.monotonic()
    with counting("making other cohorts") as tell:
        other = others.others(options.cohort, options.patients, progress=tell)
    cohort, published = others.evaluated(options.cohort)
    found = measure(cohort, published, other, seeds=options.seeds)
    found["seconds"] = round(time.monotonic() - started, 1)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "ceiling.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(found))
    print(f"\n{path}, {found['seconds']:.0f} s")


if __name__ == "__main__":
    main()
