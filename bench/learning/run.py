"""The whole comparison of one cohort: divisions side by side, then what is reported."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.learning import division, figures, results, telling
from bench.learning.cohort import Cohort, CohortUnusable
from bench.learning.division import Plan
from bench.learning.forecasting import Counting
from bench.learning.methods import PRIOR
from bench.learning.scoring import told_alike
from bench.learning.settings import FILE, read
from bench.learning.side_by_side import side_by_side
from bench.learning.statistics import Scores, collect
from bench.learning.training import drowned, require_told_magnitudes
from twin.protocol import TwinModel

LEAST_PATIENTS = 8


def compare(
    cohort: Cohort,
    published: TwinModel | None,
    out: Path,
    *,
    seeds: int | None = None,
    settings_file: Path = FILE,
    jobs: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Compare every method on a cohort; write results.json, results.md and figures to ``out``.

    ``published``: a model with a scale of its own; None for the default model, whose scale the
    training patients vote on. ``seeds``: fewer divisions than the settings say, for a quick look.
    ``jobs``: processes, one a processor when left out. ``progress`` is told divisions done and in
    all.

    Raises:
        CohortUnusable: it has too few patients, too few at each site, no result that differs from
            another, codes on a magnitude that the default model does not tell, or nobody has later
            results to forecast.
    """
    started = time.monotonic()
    settings = read(settings_file, published=published is not None)
    planned = settings.seeds
    if seeds is not None:
        settings = replace(settings, seeds=seeds)
    if len(cohort.records) < LEAST_PATIENTS:
        raise CohortUnusable(
            f"{cohort.name} has {len(cohort.records)} patients; {LEAST_PATIENTS} are the fewest"
            " that can be divided"
        )
    train, out_of_training = division.divide(cohort, settings.held_out, 0)
    if not out_of_training:
        raise CohortUnusable(
            f"{cohort.name}: {settings.held_out:.0%} of each site's patients are held out, and no"
            f" site of the {len(cohort.sites)} has enough for one: sites need 3 patients. Is the"
            " column site the hospital's name?"
        )
    notes = list(cohort.notes)
    if alike := cohort.unchanging:
        if len(alike) == len(cohort.channels):
            raise CohortUnusable(
                f"{cohort.name}: all results of {', '.join(alike)} are alike, so there is nothing"
                " to forecast"
            )
        notes.append(
            f"all results of {', '.join(alike)} are alike: there is nothing to learn of them, and"
            " errors over all codes look smaller for them"
        )
    if published is None:
        require_told_magnitudes(cohort)
        notes += drowned(cohort, train, settings)
    if settings.seeds < planned:
        notes.append(
            f"{settings.seeds} of the {planned} divisions that were fixed, a quick look: intervals"
            " are over patients alone, and what noise and chance do in so few divisions is in the"
            " estimates and not in the intervals"
        )
    plan = Plan(cohort, settings, published, countings_of(cohort))
    ruler = division.ruler_of(plan)
    notes += told_alike(cohort, ruler)
    plan = replace(plan, cohort=replace(cohort, notes=tuple(notes)))
    divisions = side_by_side(
        partial(division.run, plan, ruler), range(settings.seeds), jobs, progress
    )
    try:
        scores = collect(divisions, settings.resamples)
    except ValueError as error:
        raise CohortUnusable(f"{cohort.name}: {error}") from None
    found = results.build(plan, scores, settings_file.read_bytes(), time.monotonic() - started)
    found["primary_known"] = settings.primary_count
    found["primary_epsilon"] = settings.primary_epsilon
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / "results.md").write_text(telling.markdown(found), encoding="utf-8")
    figures.draw(found, _curves(plan, scores), out)
    return found


def countings_of(cohort: Cohort) -> tuple[Counting, ...]:
    """Observations; and visits, where a visit is more than one observation."""
    single = all(len(np.unique(record.days)) == len(record) for record in cohort.records)
    return ("observations",) if single else ("observations", "visits")


def _curves(plan: Plan, scores: Scores) -> dict[str, dict[str, list[float]]]:
    settings, counting = plan.settings, plan.countings[-1]
    found = {}
    for key, curve in scores.curves.items():
        if (key.counting, key.count) == (counting, settings.later_count):
            steps = range(len(curve)) if key.method.kind == PRIOR else settings.steps
            rmse = np.sqrt(curve)
            found[key.method.name] = {"steps": list(steps), "rmse": rmse.tolist()}
    return found
