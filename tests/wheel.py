"""The project as a package that is installed elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from stack.binaries import ROOT

PACKAGES = (
    "api",
    "audit",
    "bench",
    "chain",
    "federation",
    "ipfs",
    "scripts",
    "stack",
    "study",
    "twin",
)


def build_wheel(folder: Path) -> Path:
    """The project's wheel, built from a copy in `folder`: nothing is left in the checkout."""
    source, built = folder / "source", folder / "wheel"
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    for name in ("pyproject.toml", "requirements.in", "requirements-verify.in"):
        shutil.copyfile(ROOT / name, source / name)
    built.mkdir()
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(built)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = built.iterdir()
    return wheel
