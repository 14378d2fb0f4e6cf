"""A site's step beside its peers, in one process and one thread, on the same patients.

    python -m bench.meta_gradient [--patients 150] [--models pbc scd] [--growth 100 1000 10000 100000]
                                  [--seconds 10] [--json FILE]

The step: every patient's meta-gradient, clipped, encoded and summed. Peers give the same numbers,
which is checked before anything is timed. Seconds are of one core (CPU time), medians after one
warm-up. What is compared with what: `bench.meta_gradient.learners`, `bench.meta_gradient.peers`.
"""  # noqa: E501 - a command

from __future__ import annotations

import argparse
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.meta_gradient.cohorts import MODELS, patients_of
from bench.meta_gradient.growth import measured
from bench.meta_gradient.learners import (
    Rule,
    Step,
    clipped_sum,
    maml_step,
    point_of,
    prior_step,
    start_of,
    usable,
)
from bench.meta_gradient.peers import (
    Tasks,
    maml_higher,
    maml_loop,
    maml_torchopt,
    maml_torchopt_vmapped,
)
from bench.meta_gradient.prior_peers import prior_higher, prior_loop
from bench.meta_gradient.timing import timed
from federation.app.learning.point import PointSettings

AGREEMENT = 1e-8
AIM_OF_PEERS = 50.0
SETTINGS = PointSettings()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=150)
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=["pbc", "scd"])
    parser.add_argument("--growth", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--seconds", type=float, default=10.0, help="about, for each thing timed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"machine": _machine(), "steps": [], "growth": {}}
    print(json.dumps(found["machine"]))
    for name in options.models:
        for step, peers in _steps(name, options.patients):
            found["steps"].append(_compared(name, step, peers, options))
    for name in options.models if options.growth else ():
        found["growth"][name] = _grown(name, options.growth)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _steps(name: str, patients: int) -> list[tuple[Step, dict[str, Rule]]]:
    model = MODELS[name]()
    several = usable(model, patients_of(model, 2 * patients))[:patients]
    tasks, at = Tasks(model, several, SETTINGS), point_of(model)
    every, theta = patients_of(model, patients), start_of(model)
    return [
        (
            maml_step(model, several, SETTINGS),
            {
                "higher": lambda: maml_higher(tasks, at, SETTINGS),
                "loop": lambda: maml_loop(tasks, at, SETTINGS),
                "torchopt": lambda: maml_torchopt(tasks, at, SETTINGS),
                "torchopt, vmapped": maml_torchopt_vmapped(model, several, at, SETTINGS),
            },
        ),
        (
            prior_step(model, every),
            {
                "higher": lambda: prior_higher(model, every, theta),
                "loop": lambda: prior_loop(model, every, theta),
            },
        ),
    ]


def _compared(
    name: str, step: Step, peers: dict[str, Rule], options: argparse.Namespace
) -> dict[str, Any]:
    print(f"\n{name}, {step.learner}: {options.patients} patients, {step.inner} inner steps")
    ours = step.ours()
    for peer, rule in peers.items():
        _agree(peer, ours, rule())
    times = {"ours": timed(_whole(step.ours), options.seconds, warm=True)}
    for peer, rule in {**peers, **step.floors}.items():
        times[peer] = timed(_whole(rule), options.seconds, warm=peer in peers)
    base = times["ours"].cpu
    print(f"  {'':18} {'ms':>9} {'of ours':>9}  repeats")
    for peer, one in times.items():
        print(f"  {peer:18} {1e3 * one.cpu:9.1f} {one.cpu / base:9.2f}  {one.repeats:7}")
    bound = 2 * (step.inner + 1)
    of_floor = {floor: base / times[floor].cpu for floor in step.floors}
    print(f"  ours is {of_floor['floor']:.1f} of the floor; the aim is at most {bound}")
    return {
        "model": name,
        "learner": step.learner,
        "patients": options.patients,
        "inner_steps": step.inner,
        "times": {peer: one.as_json() for peer, one in times.items()},
        "faster_than": {peer: times[peer].cpu / base for peer in peers},
        "of_floor": of_floor,
        "aims": {"faster_than": AIM_OF_PEERS, "of_floor": bound},
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _whole(rule: Rule) -> Callable[[], NDArray[np.int64]]:
    return lambda: clipped_sum(rule())


def _agree(peer: str, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> None:
    apart = np.abs(ours - theirs) / (1 + np.abs(ours))
    if not float(apart.max()) <= AGREEMENT:
        raise SystemExit(f"{peer} gives other gradients: {apart.max():.1e} apart")
    print(f"  {peer} gives the same gradients: at most {apart.max():.0e} apart", flush=True)


def _grown(name: str, sizes: list[int]) -> dict[str, Any]:
    """Every size in a process of its own; the exponent b of seconds = a patients^b."""
    print(f"\n{name}, prior: growth\n  {'patients':>9} {'ms a patient':>13} {'peak MiB':>9}")
    rows = []
    for size in sorted(sizes):
        rows.append(measured(name, size))
        one = rows[-1]
        print(f"  {size:9,} {one['ms_a_patient']:13.3f} {one['peak_mib']:9.0f}", flush=True)
    found: dict[str, Any] = {"sizes": rows}
    if len(rows) > 1:
        logs = np.log([[one["patients"], one["seconds"]] for one in rows])
        found["exponent"] = float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])
        print(f"  seconds grow as patients to the power {found['exponent']:.2f}")
    return found


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
