"""Hostile bundles cost a bounded amount of memory and time, and end with exit code 1 or 2 and a
message: with 1 GiB of address space for everything, libraries included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit.bundle import Bundle
from stack.binaries import ROOT
from tests.audit.conftest import Written
from tests.audit.fuzz.hostile import cases

ADDRESS_SPACE, CPU_SECONDS = 1 << 30, 240
SHOWN = ("deep arrays", "zip with paths", "sparse car", "deep index")
"""By the command as well, as a person meets it."""


@pytest.fixture(scope="module")
def hostile(
    written: Written, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    return cases(bundle, written.accounts, tmp_path_factory.mktemp("hostile"))


def environment() -> dict[str, str]:
    """One thread: each one of a numerical library reserves address space."""
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def test_every_hostile_bundle_ends_with_a_verdict_within_the_bounds(
    hostile: dict[str, Path], written: Written
) -> None:
    bounds = [str(ADDRESS_SPACE), str(CPU_SECONDS), written.trust_block.hex()]
    program = [sys.executable, str(Path(__file__).with_name("within_bounds.py")), *bounds]
    ran = subprocess.run(
        [*program, *map(str, hostile.values()), str(written.folder)],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    codes = {Path(path): code for path, code, _ in said}
    assert codes.pop(written.folder) == 0  # the bounds are no hindrance to an honest one
    assert set(codes) == set(hostile.values())
    assert set(codes.values()) == {1, 2}
    messages = {Path(path): message for path, _, message in said}
    assert all(messages[path] for path in codes)
    unusable = {name for name, path in hostile.items() if codes[path] == 2}
    assert unusable == {
        *("index of a million files", "deep index", "empty index"),
        *("car of a huge block", "car of varints", "empty car", "sparse car", "sparse file"),
    }
    assert "app.content" in messages[hostile["zip with paths"]]
    assert "app.content" in messages[hostile["zip bomb beyond the limit"]]


@pytest.mark.parametrize("name", SHOWN)
def test_the_command_says_so_without_a_stack_trace(
    hostile: dict[str, Path], written: Written, name: str
) -> None:
    argv = [sys.executable, "-m", "scripts.main", "verify", str(hostile[name])]
    ran = subprocess.run(
        [*argv, *written.known],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (1, 2)
    said = ran.stdout + ran.stderr
    assert "Traceback" not in said
    assert said.strip()
