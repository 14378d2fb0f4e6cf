"""`assent demo` as a newcomer runs it: it ends well, and leaves nothing running."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from audit.bundle import read_bundle
from audit.errors import BundleUnusable
from audit.verify import verify, verify_folder

pytestmark = pytest.mark.timeout(900)

DEMO = [sys.executable, "-m", "scripts.main", "demo", "--out"]


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that work in or with a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(" ".join(process.info["cmdline"] or []))
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The demo's folder and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run([*DEMO, str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    yield out, done.stdout


@pytest.fixture(scope="module")
def summary(demo: tuple[Path, str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((demo[0] / "summary.json").read_text())
    return value


def test_it_leaves_no_process_behind(demo: tuple[Path, str]) -> None:
    assert processes_of(demo[0]) == []


def test_it_closed_eight_rounds_and_abandoned_the_one_that_a_withdrawal_broke(
    summary: dict[str, Any],
) -> None:
    states = [entry["state"] for entry in summary["rounds"]]
    assert states.count("closed") == 8
    assert [entry["reason"] for entry in summary["rounds"] if entry["state"] == "aborted"] == [
        "consent_changed"
    ]
    assert summary["privacy"]["rounds_charged"] == 9
    assert summary["privacy"]["epsilon_spent"] <= summary["privacy"]["epsilon_ceiling"]


def test_each_withdrawal_shows_in_the_cohorts(summary: dict[str, Any]) -> None:
    cohorts = [entry["cohorts"] for entry in summary["rounds"]]
    for site, before, after in (("site-1", 1, 2), ("site-2", 1, 2), ("site-3", 3, 4)):
        assert cohorts[after][site] == cohorts[before][site] - 1, (site, cohorts)
    assert summary["rounds"][2]["recommitments"] >= 1


def test_the_prior_beats_fedavg_on_held_out_patients(summary: dict[str, Any]) -> None:
    held_out = summary["held_out"]
    overall = held_out["columns"].index("overall")
    _, low, _ = held_out["reduction_with_95_percent_interval"]["fedavg"][overall]
    assert held_out["patients"] >= 50
    assert low > 0


def test_the_bundle_verifies_against_the_trust_block_and_not_without(
    demo: tuple[Path, str], summary: dict[str, Any]
) -> None:
    bundle = read_bundle(demo[0] / "bundle")
    trusted = bytes.fromhex(summary["trust_block"][2:])
    assert verify(bundle, trusted).ok
    assert [check.name for check in verify(bundle).failed] == ["anchor"]


def test_a_changed_byte_in_any_file_fails_and_is_named(
    demo: tuple[Path, str], summary: dict[str, Any], tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(demo[0] / "bundle", bundle)
    trusted = bytes.fromhex(summary["trust_block"][2:])
    for path in sorted(one for one in bundle.rglob("*") if one.is_file()):
        kept = path.read_bytes()
        changed = bytearray(kept)
        changed[len(kept) // 2] ^= 1
        path.write_bytes(bytes(changed))
        name = path.relative_to(bundle).as_posix()
        try:
            failed = verify_folder(bundle, trusted).failed
            assert any(name in f"{check.object} {check.detail}" for check in failed), name
        except BundleUnusable as error:
            assert name in str(error)
        path.write_bytes(kept)


def test_the_report_loads_nothing_from_anywhere(demo: tuple[Path, str]) -> None:
    page = (demo[0] / "report.html").read_text()
    assert page.count("<svg") == 5
    for loading in ("<script", "<link", "<img", "src=", "@import"):
        assert loading not in page


def test_no_record_id_or_value_is_in_what_leaves_the_sites(demo: tuple[Path, str]) -> None:
    """On chain and on IPFS: no patient's id, no FHIR resource."""
    for path in (demo[0] / "bundle").rglob("*"):
        if path.is_file() and path.suffix != ".fab" and "documents" not in path.parts:
            data = path.read_bytes()
            assert b"resourceType" not in data or b"PK\x03\x04" in data[:4], path
            if not data.startswith(b"PK"):
                assert b"pbc-1" not in data.replace(b"pbc-log-linear-1", b""), path


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = subprocess.Popen(
        [*DEMO, str(out)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("[2/8]"):
            break
    assert processes_of(out / "state")
    running.send_signal(signal.SIGINT)
    running.stdout.read()
    assert running.wait(60) == 130
    deadline = time.monotonic() + 20
    while processes_of(out / "state") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(out / "state") == []


def test_a_failed_step_names_the_log_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    # A Kubo that cannot run: the daemon's program is found on PATH first.
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ipfs").write_text("#!/bin/sh\necho this ipfs is broken >&2\nexit 7\n")
    (programs / "ipfs").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*DEMO, str(out)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode not in (0, 4), done.stdout + done.stderr
    assert "ipfs" in done.stderr and "Traceback" not in done.stderr
    assert processes_of(out) == []
