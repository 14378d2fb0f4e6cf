"""`assent up`, `down` and `status`, as users run them: what is up stays, and comes back as it was.

Every test ends with no process of its state folder left, and checks it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from chain.chain import Chain
from chain.deployment import Deployment
from federation.gate.keys import SiteKeys
from federation.gate.private_files import write_private_file
from scripts.local.layout import Layout
from scripts.local.running import recorded, stop_everything, strays
from stack import rpc
from stack.hardhat import HardhatNode
from tests.e2e.killable_chain import wait_for

PATIENT = 240.0


@dataclass
class Assent:
    """The command line on one state folder."""

    layout: Layout

    def __call__(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line(command, *options), capture_output=True, text=True, check=False
        )

    def line(self, command: str, *options: str) -> list[str]:
        state = ["--state", str(self.layout.state)]
        return [sys.executable, "-m", "scripts.main", command, *state, *options]

    def json(self, command: str, *options: str) -> dict[str, Any]:
        done = self(command, *options, "--json")
        assert done.stdout, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def refused(self, code: int, *options: str) -> str:
        """The message of an `up` that must fail with this exit code and leave nothing running."""
        done = self("up", *options)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert "Traceback" not in done.stderr
        assert strays(self.layout) == []
        return " ".join(done.stderr.split())


@pytest.fixture
def assent(tmp_path: Path) -> Iterator[Assent]:
    layout = Layout(tmp_path / "s")
    try:
        yield Assent(layout)
    finally:
        left = strays(layout)
        if layout.state.exists():
            stop_everything(layout)
        assert left == []


def identity(assent: Assent) -> dict[str, Any]:
    """What must be the same whenever it is up: contracts, study, ports, keys."""
    status = assent.json("status")
    assert status["all_running"], status
    studies = [(one["study"], one["version"], one["rounds"]) for one in status["chain"]["studies"]]
    files = [*assent.layout.state.glob("sites/*/keys/*"), *assent.layout.people.glob("*.key")]
    files += [assent.layout.settings, *assent.layout.state.glob("sites/*/site.json")]
    return {
        "contracts": status["chain"]["contracts"],
        "rpc": status["chain"]["rpc_url"],
        "studies": studies,
        "accounts": [site["account"] for site in status["sites"]],
        "files": {str(path): path.read_bytes() for path in files if "salts.db" not in path.name},
    }


def rotate_enrolment_key(assent: Assent) -> int:
    """One more act on chain, by the first site, which notes that it relies on it; its block."""
    folder = assent.layout.site("site-1")
    chain = Chain.connect(
        assent.json("status")["chain"]["rpc_url"],
        Deployment.load(assent.layout.deployment),
        account=SiteKeys.open(folder / "keys").account,
        journal=folder / "transactions.db",
        high_water=folder / "high-water.db",
    )
    return chain.registry.rotate_enrolment_key(Account.create().address).block_number


@pytest.mark.timeout(1200)
def test_what_is_up_comes_back_after_kill_and_down_and_refuses_a_chain_that_lost_something(
    assent: Assent, tmp_path: Path
) -> None:
    assert assent("status").returncode == 2
    first = assent.json("up", "--sites", "2")
    assert first["study"] == 1
    assert set(first["sites"]) == {"site-1", "site-2"}
    was = identity(assent)
    pids = [one.pid for one in recorded(assent.layout)]

    again = assent("up")
    assert again.returncode == 0
    assert "Everything runs already" in again.stderr
    assert [one.pid for one in recorded(assent.layout)] == pids

    _kill_everything(assent.layout)
    status = assent("status", "--json")
    assert status.returncode == 1
    assert not any(one["running"] for one in json.loads(status.stdout)["processes"])
    chain_data, older = assent.layout.chain, tmp_path / "older"
    shutil.copytree(chain_data, older)

    assert assent("up").returncode == 0
    assert identity(assent) == was
    block = rotate_enrolment_key(assent)

    down = assent.json("down")
    assert len(down["stopped"]) == len(pids)
    assert strays(assent.layout) == []
    assert assent("down").returncode == 0
    assert assent("status").returncode == 1

    newer = tmp_path / "newer"
    chain_data.rename(newer)
    shutil.copytree(older, chain_data)
    message = assent.refused(1)
    assert f"behind what was recorded: block {block}" in message

    shutil.rmtree(chain_data)
    assert "missing or empty" in assent.refused(2)

    newer.rename(chain_data)
    port = json.loads(assent.layout.settings.read_text())["ports"]["ipfs"]
    with socket.create_server(("127.0.0.1", port)):
        assert f"Port {port} (ipfs)" in assent.refused(3)
    assert "--sites 2" in assent.refused(2, "--sites", "3")

    assert assent("up").returncode == 0
    assert identity(assent) == was
    assert assent.json("status")["chain"]["head"]["number"] >= block
    assert assent("down").returncode == 0


def _kill_everything(layout: Layout) -> None:
    """As a crash of the machine would: SIGKILL to each, keepers included."""
    for process in strays(layout):
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: strays(layout) == [], PATIENT, "the end of all processes")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_that_is_broken_off_leaves_nothing(assent: Assent, number: signal.Signals) -> None:
    starting = subprocess.Popen(
        assent.line("up", "--sites", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=_hear_ctrl_c,
    )
    # After the chain, while Flower starts.
    wait_for(lambda: len(_recorded(assent.layout)) >= 2, PATIENT, "the start of two processes")
    assert strays(assent.layout)
    starting.send_signal(number)
    error = starting.communicate(timeout=PATIENT)[1]
    assert starting.returncode == 128 + number
    assert b"Traceback" not in error
    assert strays(assent.layout) == []
    assert not assent.layout.running.exists()


def _hear_ctrl_c() -> None:
    """A shell makes what it runs in the background deaf to SIGINT: not the command under test."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _recorded(layout: Layout) -> list[object]:
    return list(recorded(layout)) if layout.running.exists() else []


@pytest.mark.timeout(600)
def test_what_a_killed_start_left_is_found_by_down(assent: Assent) -> None:
    starting = subprocess.Popen(
        assent.line("up", "--sites", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: len(_recorded(assent.layout)) >= 2, PATIENT, "the start of two processes")
    starting.kill()
    starting.wait()
    assert strays(assent.layout)
    assert assent("down").returncode == 0


@pytest.mark.timeout(900)
def test_on_somebody_elses_chain_it_says_who_needs_how_much(
    assent: Assent, own_hardhat: HardhatNode, tmp_path: Path
) -> None:
    assert "needs --deployer-key" in assent.refused(2, "--chain", own_hardhat.rpc_url)
    key, deployer = tmp_path / "deployer.key", Account.create()
    write_private_file(key, b"0x" + bytes(deployer.key).hex().encode())
    options = ["--chain", own_hardhat.rpc_url, "--deployer-key", str(key), "--sites", "2"]
    message = assent.refused(1, *options)
    needed = [
        (words[0], int(words[words.index("needs") + 1]))
        for words in (line.split() for line in message.replace("  ", " ").split("0x"))
        if "needs" in words
    ]
    assert len(needed) == 6  # deployer, coordinator, relayer, service and two sites
    assert deployer.address[2:] in dict(needed)
    for address, wei in needed:
        giver = own_hardhat.accounts[0].address
        payment = {"from": giver, "to": "0x" + address, "value": hex(wei)}
        rpc.call(own_hardhat.rpc_url, "eth_sendTransaction", payment)

    assert assent("up").returncode == 0
    was = identity(assent)
    assert was["rpc"] == own_hardhat.rpc_url
    assert assent("down").returncode == 0
    assert own_hardhat.is_running
