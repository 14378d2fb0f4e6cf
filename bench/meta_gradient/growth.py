"""One size of cohort in a process of its own, whose peak memory is then that size's.

Distinct patients are drawn once and taken again and again, so that records do not count as memory
of the step: `python -m bench.meta_gradient.growth MODEL PATIENTS`, JSON on standard output.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import torch

from bench.meta_gradient.cohorts import MODELS, patients_of
from bench.meta_gradient.learners import SUPPORT_VISITS, clipped_sum, start_of
from federation.app.learning.meta_gradient import meta_gradients
from federation.app.learning.usable import STACKED

DISTINCT = 500


def measured(name: str, patients: int) -> dict[str, float]:
    """Run this file in a process of its own."""
    command = [sys.executable, "-m", "bench.meta_gradient.growth", name, str(patients)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(name: str, patients: int) -> None:
    torch.set_num_threads(1)
    model = MODELS[name]()
    some = patients_of(model, DISTINCT)
    theta = start_of(model)
    meta_gradients(model, theta, some[:2], SUPPORT_VISITS)
    before = _peak_mib()
    at = time.process_time()
    every = [some[i % DISTINCT] for i in range(patients)]
    total = clipped_sum(meta_gradients(model, theta, every, SUPPORT_VISITS))
    seconds = time.process_time() - at
    answer = {
        "patients": patients,
        "seconds": seconds,
        "ms_a_patient": 1e3 * seconds / patients,
        "peak_mib": _peak_mib(),
        "before_mib": before,
        "stacked_patients": STACKED,
        "gradients_mib": patients * len(total) * 8 / 2**20,
    }
    print(json.dumps(answer))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
