"""What a bit-exact replay of a contribution depends on besides the seed and the records."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from audit import canonical_json

_LIBRARIES = ("cryptography", "numpy", "torch")


def environment_hash() -> bytes:
    """SHA-256 of canonical JSON: Python, libraries, machine, CPU features and thread count."""
    facts = {
        "cpu": _cpu_features(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "machine": platform.machine(),
        "python": platform.python_version(),
        "threads": 1,
    }
    return hashlib.sha256(canonical_json.dumps(facts)).digest()


def _cpu_features() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = cpuinfo.read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("flags")), "")
