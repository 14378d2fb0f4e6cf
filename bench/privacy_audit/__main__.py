"""What can an attacker prove about epsilon? `python -m bench.privacy_audit --out DIR`.

Lower bounds on epsilon at the study's delta, with 95 % confidence, of the mechanism that sites run:
membership inference with worst-case canaries over many runs (of two labs, for speed: how many
numbers there are does not matter to one canary), and one run with hundreds of them (of the whole
model). A bound above the claim would refute it. The same attacks on mechanisms broken on purpose
must refute theirs; where an attack could not, `highest_possible` says so. Synthetic patients. Ends
with 1 when the claim is refuted, or a broken mechanism passes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from bench.privacy_audit import membership, one_run, plot
from bench.privacy_audit.mechanism import Fault, Mechanism
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.planning.synthetic import cohort, true_prior
from twin.log_linear import LogLinearModel
from twin.pbc_labs import LABS
from twin.series import PatientSeries

SHORT = 16
"""Observations of the other patients at most: the auditor takes off what they add, whatever it is,
so records that are quick to compute do.
"""

ONE_RUN_ROUNDS = 8
ONE_RUN_FAULTS = (Fault.NONE, Fault.SMALL_NOISE, Fault.NO_CLIPPING)


def run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """All audits, as plain values."""
    small = LogLinearModel(labs=LABS[:2], name="audit-two-labs-1")
    model = LogLinearModel()

    def cohort_of(its: LogLinearModel) -> list[PatientSeries]:
        generator = np.random.default_rng(options.seed)
        drawn = cohort(its, true_prior(its, generator), 20 * options.patients, generator)
        return [patient for patient in drawn if len(patient) <= SHORT][: options.patients]

    def mechanism(its: LogLinearModel, epsilon: float, fault: Fault, rounds: int) -> Mechanism:
        recipe = recommended_recipe(its)
        return Mechanism(its, recipe, CLIP_NORM, epsilon, options.delta, rounds, fault)

    plan = [
        (attack, Fault.NONE, epsilon, options.runs)
        for epsilon in options.epsilons
        for attack in membership.Attack
        if attack != membership.Attack.WITHDRAWN or epsilon == max(options.epsilons)
    ]
    plan += [
        (attack, fault, epsilon, options.broken_runs)
        for fault, attack in membership.BROKEN.items()
        for epsilon in sorted({min(options.epsilons), max(options.epsilons)})
    ]
    others = cohort_of(small)
    findings = [
        _attack(
            mechanism(small, epsilon, fault, options.rounds),
            others,
            attack,
            runs,
            options,
            progress,
        )
        for attack, fault, epsilon, runs in plan
    ]
    others = cohort_of(model)
    one = progress.add_task("one run", total=len(ONE_RUN_FAULTS) * len(options.epsilons))
    audited = []
    for fault in ONE_RUN_FAULTS:
        for epsilon in options.epsilons:
            its = mechanism(model, epsilon, fault, ONE_RUN_ROUNDS)
            audited.append(one_run.audit(its, others, options.seed))
            progress.advance(one)
    return {
        "schema": "assent-privacy-audit-1",
        "model": {"membership": small.name, "one_run": model.name},
        "options": {k: v for k, v in vars(options).items() if k != "out"},
        "membership": [finding.to_json() for finding in findings],
        "one_run": [finding.to_json() for finding in audited],
    }


def _attack(
    mechanism: Mechanism,
    others: Sequence[PatientSeries],
    attack: membership.Attack,
    runs: int,
    options: argparse.Namespace,
    progress: Progress,
) -> membership.Finding:
    title = f"epsilon {mechanism.epsilon:g}, {mechanism.fault}: {attack}"
    task = progress.add_task(title, total=2 * runs)
    found = membership.scores(
        mechanism, others, attack, runs, options.seed, lambda: progress.advance(task)
    )
    progress.remove_task(task)
    return membership.judge(mechanism, attack, *found)


def failures(results: dict[str, Any]) -> list[str]:
    """What must not be: the claim refuted, or a fault that no attack noticed."""
    rows = results["membership"] + results["one_run"]
    right = [row for row in rows if row["fault"] == Fault.NONE]
    wrong = [f"epsilon {row['claimed']:g} is refuted" for row in right if row["caught"]]
    best = max(row["claimed"] for row in right)
    if not any(row["lower_bound"] > 0.5 for row in right if row["claimed"] == best):
        wrong.append(f"no power: nothing above 0.5 is shown at epsilon {best:g}")
    missed = [r for r in results["membership"] if r["fault"] != Fault.NONE and not r["caught"]]
    return wrong + [f"{row['fault']} at epsilon {row['claimed']:g} passes" for row in missed]


def show(results: dict[str, Any]) -> None:
    """Two tables, a line each audit."""
    print(
        "\nMembership inference. Refuted: epsilon that the runs refute with 95 % confidence, of any"
    )
    print(
        "mechanism / of one as hard to test as a Gaussian. Possible: if every guess were right.\n"
    )
    print(f"{'claimed':>7} {'tight':>6}  {'mechanism':29} {'attack':10} {'runs':>5}", end="")
    print(f" {'refuted':>13} {'possible':>13}  caught")
    for row in results["membership"]:
        print(
            f"{row['claimed']:7g} {row['tight']:6.2f}  {row['fault']:29} {row['attack']:10}"
            f" {row['runs']:5} {row['lower_bound']:5.2f} / {row['lower_bound_gaussian']:5.2f}"
            f" {row['highest_possible']:5.2f} / {row['highest_possible_gaussian']:5.2f}"
            f"  {'yes' if row['caught'] else 'no'}"
        )
    print("\nOne run. Expected: what an ideal auditor of the claimed Gaussian can refute.\n")
    print(f"{'claimed':>7} {'tight':>6}  {'mechanism':29} {'right of guessed':>22}", end="")
    print(f" {'refuted':>8} {'expected':>8} {'possible':>8}  caught")
    for row in results["one_run"]:
        guessed = ", ".join(
            f"{v} of {r}" for v, r in zip(row["correct"], row["guesses"], strict=True)
        )
        print(
            f"{row['claimed']:7g} {row['tight']:6.2f}  {row['fault']:29} {guessed:>22}"
            f" {row['lower_bound']:8.2f} {row['expected']:8.2f} {row['highest_possible']:8.2f}"
            f"  {'yes' if row['caught'] else 'no'}"
        )


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder for audit.json and audit.svg")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0])
    parser.add_argument("--delta", type=float, default=1e-5)
    parser.add_argument("--rounds", type=int, default=2, help="sealed attempts a run; even (2)")
    parser.add_argument(
        "--runs", type=int, default=200, help="with the canary, and as many without (default 200)"
    )
    parser.add_argument("--broken-runs", type=int, default=60, help="the same, broken mechanisms")
    parser.add_argument("--patients", type=int, default=5, help="others in the cohort (5)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.rounds < 2 or options.rounds % 2:
        parser.error("--rounds must be even and at least 2")
    if min(options.runs, options.broken_runs, options.patients) < 1:
        parser.error("--runs, --broken-runs and --patients must be at least 1")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    began = time.monotonic()
    with Progress(console=Console(stderr=True)) as progress:
        results = run(options, progress)
    results["seconds"] = round(time.monotonic() - began, 1)
    results["failures"] = failures(results)
    show(results)
    for failure in results["failures"]:
        print(f"FAILED: {failure}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "audit.json").write_text(json.dumps(results, indent=1) + "\n")
        plot.draw(results, options.out / "audit.svg")
        print(f"{options.out}/audit.json and audit.svg, {results['seconds']} s")
    return 1 if results["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
