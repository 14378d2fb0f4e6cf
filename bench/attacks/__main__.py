"""What do lying sites do to the learned prior? `python -m bench.attacks --out DIR`.

One of five synthetic sites lies, then two, in every way of `bench.attacks.attackers`; each defence
of `bench.attacks.learning` is tried against each. A figure is how much of the possible gain on
held-out patients is left: 1 is the population's own prior, 0 the published one, below 0 is worse
than no training. For the backdoor the second figure is the error that it aims at: how many spreads
the bilirubin of patients with the trigger is forecast too low (below 0) or too high.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from bench.attacks.attackers import Attack
from bench.attacks.learning import DEFENCES, EPSILON, Defence, learn
from bench.attacks.peer import flower_average
from bench.attacks.world import World, make_world

KEPT = 0.8
"""A defence stops an attack when this share of the gain without attack and defence is left."""


def measure(
    world: World, attack: Attack, liars: tuple[int, ...], defence: Defence, seed: int, rounds: int
) -> dict[str, Any]:
    """One study's figures."""
    learned = learn(world, attack, liars, defence, seed, rounds)
    return {
        "attack": str(attack),
        "liars": len(liars),
        "defence": defence.name,
        "sees_sites": defence.sees_sites,
        "seed": seed,
        "gain": world.gain(learned.prior),
        "trigger_error": world.trigger_error(learned.prior),
        **{k: v for k, v in vars(learned).items() if k != "prior"},
    }


def run(options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    """All studies of all worlds."""
    cases = [(Attack.NONE, ())]
    for liars in ((1,), (1, 2)):
        cases += [(attack, liars) for attack in Attack if attack != Attack.NONE]
    total = options.worlds * len(cases) * len(DEFENCES)
    task, rows = progress.add_task("studies", total=total), []
    for seed in range(options.worlds):
        world = make_world(seed, tuple(options.sites), options.held_out)
        for attack, liars in cases:
            for defence in DEFENCES:
                rows.append(measure(world, attack, liars, defence, seed, options.rounds))
                progress.advance(task)
    return rows


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over worlds, and whether the attack is stopped.

    It is when `KEPT` of the gain that is made without attack and defence is left, and, of a
    backdoor, when the error that it aims at is nearer to that without attack than to that without
    defence.
    """

    def mean(attack: str, liars: int, defence: str) -> dict[str, Any]:
        found = [
            row
            for row in rows
            if (row["attack"], row["liars"], row["defence"]) == (attack, liars, defence)
        ]
        names = ("gain", "trigger_error", "refused", "rolled_back", "barred")
        return {name: float(np.mean([row[name] for row in found])) for name in names}

    usual = mean(Attack.NONE, 0, "none")
    cells = []
    for attack, liars in dict.fromkeys((row["attack"], row["liars"]) for row in rows):
        open_to = mean(attack, liars, "none")
        for defence in DEFENCES:
            cell = mean(attack, liars, defence.name)
            stopped = cell["gain"] >= KEPT * usual["gain"]
            if attack == Attack.BACKDOOR:
                middle = (usual["trigger_error"] + open_to["trigger_error"]) / 2
                stopped = stopped and cell["trigger_error"] > middle
            names = {"attack": attack, "liars": liars, "defence": defence.name}
            cells.append(names | {"sees_sites": defence.sees_sites, "stopped": stopped} | cell)
    return cells


def markdown(cells: list[dict[str, Any]]) -> str:
    """The table of docs/attacks.md: a row an attack, a column a defence."""
    names = [defence.name for defence in DEFENCES]
    lines = ["| attack | liars | " + " | ".join(names) + " |", "| --- " * (len(names) + 2) + "|"]
    for attack, liars in dict.fromkeys((cell["attack"], cell["liars"]) for cell in cells):
        found = {
            cell["defence"]: cell
            for cell in cells
            if (cell["attack"], cell["liars"]) == (attack, liars)
        }
        shown = []
        for name in names:
            cell = found[name]
            aim = f" ({cell['trigger_error']:+.1f})" if attack == Attack.BACKDOOR else ""
            text = f"{cell['gain']:.2f}{aim}"
            shown.append(f"**{text}**" if cell["stopped"] else text)
        lines.append(f"| {attack} | {liars} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder for attacks.json and attacks.md")
    parser.add_argument("--worlds", type=int, default=2, help="synthetic populations (default 2)")
    parser.add_argument(
        "--sites", type=int, nargs=5, default=[40, 30, 30, 30, 20], help="patients of each"
    )
    parser.add_argument("--held-out", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args(arguments)
    if min(options.worlds, options.rounds, options.held_out, *options.sites) < 1:
        parser.error("every number must be at least 1")
    return options


def main(arguments: list[str]) -> None:
    options, began = parse(arguments), time.monotonic()
    with Progress(console=Console(stderr=True)) as progress:
        rows = run(options, progress)
    cells = table(rows)
    world = make_world(0, tuple(options.sites), options.held_out)
    peer = {str(attack): flower_average(world, attack, (1,)) for attack in Attack}
    results = {
        "schema": "assent-attacks-1",
        "epsilon": EPSILON,
        "options": {k: v for k, v in vars(options).items() if k != "out"},
        "flower_average": {name: str(length) for name, length in peer.items()},
        "cells": cells,
        "studies": rows,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(f"\nshare of the possible gain that is left; bold: at least {KEPT:g} of the usual\n")
    print(markdown(cells))
    print("length of Flower's own average in the first round, over that without attack:")
    for name, length in peer.items():
        print(f"  {name:32} {length:10.2f}")
    print(f"{results['seconds']} s")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "attacks.json").write_text(json.dumps(results, indent=1) + "\n")
        (options.out / "attacks.md").write_text(markdown(cells))


if __name__ == "__main__":
    main(sys.argv[1:])
