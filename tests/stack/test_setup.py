"""Set-up does each step once, says in plain words what went wrong, and never installs what has no
hash.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack import binaries, setup_runner, setup_steps
from stack.binaries import GETH, KUBO, ROOT, BinaryMissingError
from stack.setup_runner import SetupError, diagnose, run
from stack.setup_steps import Step


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of this test's own."""
    monkeypatch.setattr(setup_runner, "LOG", tmp_path / "setup.log")
    return tmp_path / "setup.log"


def test_done_means_nothing_to_do() -> None:
    argv = [sys.executable, str(ROOT / "stack" / "bootstrap.py")]
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    again = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert again.stdout == "Set-up: nothing to do.\n"


def test_a_step_is_done_once_for_its_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_steps, "STAMPS", tmp_path / "stamps")
    result = tmp_path / "result"
    step = Step("some", "Something", (b"version 1",), result, lambda: None)
    changed = Step("some", "Something", (b"version 2",), result, lambda: None)
    assert not step.is_done()
    step.record()
    assert not step.is_done(), "its result is not there"
    result.touch()
    assert step.is_done()
    assert not changed.is_done()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE FILE", "its hash differs"),
        ("npm error code EINTEGRITY", "its hash differs"),
        ("verifying module: checksum mismatch", "its hash differs"),
        ("error: Failed to fetch: dns error", "registry could not be reached"),
        ("npm error code ENOTFOUND", "registry could not be reached"),
        ("dial tcp: lookup host: no such host", "registry could not be reached"),
        ("No module named ensurepip", "python3-venv"),
        ("something else", "in these lines"),
    ],
)
def test_what_went_wrong_is_said_in_plain_words(output: str, said: str) -> None:
    assert said in diagnose(output)


def test_a_failed_command_names_the_reason_and_the_log(log: Path) -> None:
    script = "import sys; sys.exit('[Errno 28] No space left on device')"
    with pytest.raises(SetupError) as caught:
        run([sys.executable, "-c", script], ROOT, {})
    assert "the disk is full" in str(caught.value)
    assert str(log) in str(caught.value)


def test_uv_itself_is_installed_with_hashes() -> None:
    block = setup_steps._uv_block().decode()
    assert re.match(r"uv==\d+\.\d+\.\d+ \\\n    --hash=sha256:[0-9a-f]{64}", block)
    assert "==" not in block.split("\n", 1)[1]


def test_lock_files_carry_no_download_addresses() -> None:
    for name in ("requirements.lock", "ipfs-local/go.mod", "geth-local/go.mod"):
        assert "://" not in (ROOT / name).read_text(), name
    for folder, fewest in (("hardhat-local", 50), ("tests/browser", 10), ("tests/viem", 10)):
        locked = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
        assert len(locked) > fewest
        assert [name for name, entry in locked.items() if "resolved" in entry] == []


def test_every_package_of_the_browser_is_locked_by_its_hash() -> None:
    lock = json.loads((ROOT / "tests" / "browser" / "package-lock.json").read_text())
    without = {name for name, entry in lock["packages"].items() if "integrity" not in entry}
    assert without == {""}, "only the folder's own entry has none"


def test_binaries_are_where_the_lock_files_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GETH.version == "1.17.8"
    assert KUBO.version == "0.42.0"
    before = GETH.path
    assert before.parent.parent == binaries.cache_folder() / "bin"
    monkeypatch.setattr(binaries, "go_version", lambda: "1.99.0")
    assert before != GETH.path, "another compiler makes another binary"
    with pytest.raises(BinaryMissingError, match=r"geth 1\.17\.8 is not built: run `make setup`"):
        GETH.built()


def test_geth_answers_with_its_version() -> None:
    done = subprocess.run([GETH.built(), "version"], capture_output=True, text=True, check=True)
    assert "Version: 1.17.8-stable" in done.stdout


def test_an_ipfs_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "ipfs"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert binaries.ipfs_binary() == own
    assert binaries.ipfs_is_provided()
