"""One verification, or its floor, in a process of its own: JSON on standard output."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from pathlib import Path

import numpy as np

from audit.bundle import read_bundle
from audit.car import CarObjects
from audit.verify import verify


def peak_mib() -> float:
    """The largest resident set of this program so far (`getrusage` would tell that of the process
    which started it, too).
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def floor(bundle: Path) -> dict[str, float]:
    """SHA-256 of every file's bytes, as `sha256sum` takes it, and the sum of all vectors."""
    objects = CarObjects(bundle / "objects.car")
    lengths = [len(objects[cid]) for cid in objects]  # masked vectors are the most common length
    common = max(set(lengths), key=lengths.count)
    began = time.process_time()
    for path in sorted(bundle.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")
    hashed = time.process_time() - began
    vectors = [np.frombuffer(objects[cid], "<u8") for cid in objects if len(objects[cid]) == common]
    total = np.zeros(common // 8, np.uint64)
    began = time.process_time()
    for vector in vectors:
        total += vector
    return {"seconds": hashed + time.process_time() - began}


def verification(bundle: Path, trust_block: bytes) -> dict[str, float]:
    before = peak_mib()
    began = time.process_time()
    report = verify(read_bundle(bundle), trust_block)
    seconds = time.process_time() - began
    if report.exit_code:
        raise SystemExit(f"the study does not verify: {report.failed[:3]}")
    return {
        "seconds": seconds,
        "checks": len(report.checks),
        "peak_mib": peak_mib(),
        "import_mib": before,
    }


if __name__ == "__main__":
    what, folder, trusted = sys.argv[1:]
    if what == "floor":
        print(json.dumps(floor(Path(folder))))
    else:
        print(json.dumps(verification(Path(folder), bytes.fromhex(trusted))))
