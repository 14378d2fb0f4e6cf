"""A reviewer's laptop: the wheel with the packages of its extra `verify`, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from stack.binaries import ROOT
from tests.audit.conftest import Written
from tests.audit.test_receipts_offline import newest, receipt_of
from tests.wheel import build_wheel

HEAVY = {
    "matplotlib",
    "torch",
    "flwr",
    "web3",
    "fastapi",
    "starlette",
    "uvicorn",
    "opacus",
    "sqlalchemy",
}
# A process that can reach nothing, and says what it has loaded of what a reviewer does not have.
ALONE = f"""
import socket, sys
def refuse(*_): raise OSError("no network here")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from scripts.main import call
code = call(sys.argv[1:])
print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def wanted_by_extra(wheel: Path) -> list[str]:
    """The packages that the wheel's metadata lists for `assent[verify]`."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    pattern = re.compile(r"(?P<package>.+?)\s*;\s*extra == ['\"]verify['\"]")
    found = map(pattern.fullmatch, metadata.get_all("Requires-Dist", []))
    return [match["package"] for match in found if match]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment of its own, filled from uv's cache."""
    folder = tmp_path_factory.mktemp("laptop")
    wheel = build_wheel(folder)
    uv = [Path(sys.executable).parent / "uv"]
    python = folder / "venv/bin/python"
    subprocess.run(
        [*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True
    )
    install = [*uv, "pip", "install", "--quiet", "--offline", "--python", python]
    pinned = ["--constraint", ROOT / "requirements.lock"]
    subprocess.run([*install, *pinned, *wanted_by_extra(wheel)], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    return python


def run(python: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
    return subprocess.run(
        [python, "-I", "-c", ALONE, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_extra_brings_nothing_heavy(laptop: Path) -> None:
    listed = subprocess.run(
        [
            laptop,
            "-I",
            "-c",
            "import importlib.metadata as m; print(*(d.name for d in m.distributions()))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    installed = {name.lower() for name in listed.stdout.split()}
    assert installed >= {"assent", "numpy", "eth-account"}
    assert not installed & HEAVY


def test_a_study_is_verified_there(laptop: Path, written: Written, tmp_path: Path) -> None:
    done = run(laptop, tmp_path, "verify", written.folder, *written.known, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is report["contracts"]["compared"] is True
    assert "contract.origin" in {check["name"] for check in report["checks"]}
    assert done.stderr.strip() == "[]"


def test_a_receipt_is_verified_there(laptop: Path, written: Written, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(receipt_of(newest(written)[0], 0).to_bytes())
    options = ("--bundle", written.folder, *written.known)
    done = run(laptop, tmp_path, "receipt", "verify", file, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "committed on the chain" in " ".join(done.stdout.split())


@pytest.mark.parametrize("what", ["report", "export"])
def test_a_board_report_and_an_export_are_written_there(
    laptop: Path, written: Written, tmp_path: Path, what: str
) -> None:
    command = ("study", what, written.folder, *written.known, "--out", tmp_path / "out", "--json")
    done = run(laptop, tmp_path, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(Path(file).stat().st_size for file in json.loads(done.stdout)["files"])
    assert done.stderr.strip().endswith("\n[]")


def test_withdrawals_are_worked_out_there(laptop: Path, written: Written, tmp_path: Path) -> None:
    command = ("study", "withdrawals", "1", "--bundle", written.folder, *written.known)
    done = run(laptop, tmp_path, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bounded" in done.stdout and done.stderr.strip() == "[]"


def test_no_command_loads_anything_heavy_where_it_is_installed(
    written: Written, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(receipt_of(newest(written)[0], 0).to_bytes())
    for arguments in (
        ("verify", written.folder, *written.known),
        ("receipt", "verify", file, "--bundle", written.folder, *written.known),
        ("study", "report", written.folder, *written.known, "--out", tmp_path / "report"),
        ("study", "export", written.folder, *written.known, "--out", tmp_path / "crate"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", ALONE, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        told = done.stderr.strip().splitlines()[-1]
        assert (done.returncode, told) == (0, "[]"), done.stdout + done.stderr
