"""Does a privately learned prior beat FedAvg on held-out patients of pbcseq? `python -m
bench.prior_vs_fedavg`.

For every seed the 312 patients are divided at random into folds; each fold is held out once while
the others, at five unequal sites, train every method. The prior is trained under patient-level
differential privacy (full batch, Gaussian noise on the sum of clipped gradients, zCDP), FedAvg
without any; the errors are the bench's own, on public data. Hyper-parameters come from
`federation.app.learning.recipe`, which was fixed on synthetic data.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import pbcseq
from bench.pooled import noise_multiplier
from federation.app.learning import baselines
from federation.app.learning.dp_fedavg import dp_fedavg
from federation.app.learning.forecasts import Learned, Outcome, Scores, outcome
from federation.app.learning.recipe import CLIP_NORM, ROUNDS, recommended_recipe
from federation.planning.pooled import train
from twin.log_linear import LogLinearModel
from twin.prior import flatten
from twin.series import PatientSeries

SITES = len(pbcseq.SITE_SHARES)
RIVALS = (
    "fedavg",
    "fedavg_fine_tuned",
    "dp_fedavg",
    "dp_fedavg_fine_tuned",
    "last_value",
    "local_fit",
)


def learn(
    model: LogLinearModel,
    sites: list[list[PatientSeries]],
    seed: int,
    options: argparse.Namespace,
) -> Learned:
    """Every method on one training set."""
    pooled = [patient for site in sites for patient in site]
    recipe = recommended_recipe(model)
    noise = np.random.default_rng([seed, 1])
    rounds, clip_norm = options.rounds, CLIP_NORM
    priors = {
        "prior": train(model, pooled, recipe, rounds, clip_norm, noise_sd(options), noise),
        "prior_without_privacy": train(model, pooled, recipe, rounds, clip_norm, 0.0, noise),
        "starting_prior": flatten(model.initial_prior(), model.prior_layout),
    }
    private, spent = dp_fedavg(model, sites, options.epsilon, options.delta, seed)
    if spent > options.epsilon * 1.001:
        raise SystemExit(f"DP-FedAvg spent epsilon {spent:.3f}, more than {options.epsilon}")
    populations = {"fedavg": baselines.fedavg(model, sites), "dp_fedavg": private}
    tunings = {
        name: baselines.tune_fine_tuning(model, weights, pooled, options.visits)
        for name, weights in populations.items()
    }
    return Learned(priors, populations, tunings)


def noise_sd(options: argparse.Namespace) -> float:
    """SD of a round's noise on the sum of clipped gradients, in units of the clipping norm."""
    sigma = noise_multiplier(options.epsilon, options.delta, options.rounds + options.spare_rounds)
    return sigma * math.sqrt(SITES / (SITES - options.colluders))


def run_seed(
    model: LogLinearModel,
    patients: dict[int, PatientSeries],
    seed: int,
    options: argparse.Namespace,
) -> list[Outcome]:
    """Hold out each fold once; the outcomes of all patients that have a visit to predict.

    A share of the others, drawn at random, does not consent and trains nothing.
    """
    outcomes: list[Outcome] = []
    refused = np.random.default_rng([seed, 2])
    for number, held_out in enumerate(pbcseq.folds(patients, options.folds, seed)):
        out = {n for n in sorted(patients) if refused.random() >= options.consenting} | held_out
        sites = [
            [patients[n] for n in site if n not in out]
            for site in pbcseq.split_into_sites(patients)
        ]
        learned = learn(model, sites, seed * options.folds + number, options)
        found = [
            outcome(model, learned, patients[n], options.visits, options.within)
            for n in sorted(held_out)
        ]
        outcomes += [one for one in found if one is not None]
    return outcomes


def report(
    model: LogLinearModel, outcomes: list[Outcome], options: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """Errors, paired reductions and shares made worse, as plain numbers."""
    scores = Scores(model, outcomes)
    columns = [*scores.labs, "overall"]
    reductions = {
        rival: dict(
            zip(
                columns,
                scores.reduction("prior", rival, options.resamples, seed).tolist(),
                strict=True,
            )
        )
        for rival in RIVALS
    }
    return {
        "patients": len(outcomes),
        "rmse": {
            name: dict(zip(columns, scores.rmse(name).tolist(), strict=True))
            for name in scores.methods
        },
        "reduction_with_95_percent_interval": reductions,
        "share_made_worse": {rival: scores.made_worse("prior", rival) for rival in RIVALS},
        "coverage_of_90_percent_interval": float(np.mean([one.covered for one in outcomes])),
    }


def show(result: dict[str, Any]) -> None:
    """The table: one line a method, and how much lower the prior's error is."""
    columns = list(result["rmse"]["prior"])
    print(f"{'RMSE':26}" + "".join(f"{name[:12]:>14}" for name in columns))
    for method, row in result["rmse"].items():
        print(f"{method:26}" + "".join(f"{row[name]:14.3f}" for name in columns))
    print("\nhow much lower the prior's error is (95 % interval)")
    for rival, row in result["reduction_with_95_percent_interval"].items():
        cells = [
            f"{100 * e:.0f}% ({100 * low:.0f},{100 * high:.0f})" for e, low, high in row.values()
        ]
        print(f"{rival:26}" + "".join(f"{cell:>14}" for cell in cells))
    print("\nshare of patients made worse by the prior")
    for rival, share in result["share_made_worse"].items():
        print(f"{rival:26}{100 * share:13.0f}%")
    print(f"{'90 % interval covers':26}{100 * result['coverage_of_90_percent_interval']:13.0f}%")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epsilon", type=float, default=8.0)
    parser.add_argument("--delta", type=float, default=1e-5)
    parser.add_argument(
        "--colluders", type=int, default=2, help="sites whose noise must not be needed (default 2)"
    )
    parser.add_argument(
        "--visits", type=int, default=3, help="visits that a prior adapts to (default 3)"
    )
    parser.add_argument(
        "--within", type=float, default=1000.0, help="years ahead to predict (default: all)"
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="closed rounds (default 8)")
    parser.add_argument(
        "--spare-rounds",
        type=int,
        default=2,
        help="rounds that the budget pays for besides, such as abandoned ones (default 2)",
    )
    parser.add_argument(
        "--consenting", type=float, default=0.8, help="share that consents (default 0.8)"
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args(arguments)
    if not 0 <= options.colluders < SITES:
        parser.error(f"--colluders must be from 0 to {SITES - 1}")
    if min(options.visits, options.folds - 1, options.seeds, options.rounds) < 1:
        parser.error("--visits, --seeds and --rounds must be at least 1, --folds at least 2")
    return options


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    started = time.monotonic()
    model = LogLinearModel()
    patients = pbcseq.load(model)
    results: dict[str, Any] = {
        "model": model.name,
        "options": {k: v for k, v in vars(options).items() if k != "json"},
        "clip_norm": CLIP_NORM,
        "noise_sd_in_clip_norms": noise_sd(options),
        "sites": [len(site) for site in pbcseq.split_into_sites(patients)],
        "seeds": [],
    }
    for seed in range(options.seeds):
        result = report(model, run_seed(model, patients, seed, options), options, seed)
        results["seeds"].append(result)
        print(f"\n== seed {seed}: {result['patients']} held-out patients, {options.folds} folds ==")
        show(result)
    results["seconds"] = round(time.monotonic() - started, 1)
    print(f"\n{results['seconds']} s")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
