"""What a bit-exact replay of a contribution depends on besides the seed and the records.

The hash of these facts is in every commitment on chain, so that nobody can say afterwards that a
round was computed elsewhere than it was.
"""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path
from typing import Any

import torch

from audit import canonical_json
from federation.app.learning import known_slopes, meta_gradient, point, straight_lines, usable
from federation.app.learning.deterministic import deterministic
from federation.gate.installed_library import COMPUTING_LIBRARIES, installed_library

SCHEMA = "assent-environment-1"
#: What computes rows, in chunks whose sizes are in these modules.
_COMPUTING = (known_slopes, meta_gradient, point, straight_lines, usable)
_THREAD_VARIABLES = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment_facts(app_hash: bytes) -> dict[str, Any]:
    """Everything but seed and records, as canonical JSON can hold it.

    `app` is the approved app's SHA-256; `chunks` the constants that say how many patients and rows
    are computed together; `libraries` each library's version and the SHA-256 of the list of its
    files' hashes, as installed (PEP 627); `threads` how many torch computes with, and what the
    process was told; `cpu` which vector instructions there are, and which of them torch uses.
    """
    with deterministic():
        threads = torch.get_num_threads()
    return {
        "schema": SCHEMA,
        "app": app_hash.hex(),
        "chunks": {
            f"{module.__name__.rpartition('.')[2]}.{name}": value
            for module in _COMPUTING
            for name, value in vars(module).items()
            if name.isupper() and name[0] != "_" and type(value) is int
        },
        "cpu": {"features": _cpu_features(), "used": torch.backends.cpu.get_cpu_capability()},
        "libraries": {name: installed_library(name) for name in COMPUTING_LIBRARIES},
        "machine": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "threads": {
            "computing": threads,
            **{name: os.environ.get(name, "") for name in _THREAD_VARIABLES},
        },
    }


def environment_hash(facts: dict[str, Any]) -> bytes:
    """Commitment.environment_hash: SHA-256 of the facts as canonical JSON (RFC 8785)."""
    return hashlib.sha256(canonical_json.dumps(facts)).digest()


def _cpu_features() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    with cpuinfo.open() as lines:  # a paragraph for each core, all alike
        flags = (line.partition(":")[2].strip() for line in lines if line.startswith("flags"))
        return next(flags, "")
