"""A site's fork server with a small gate, and a real federation around it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.small_federation import SmallFederation
from federation.gate.fork_server.launch import (
    RunningServer,
    start_fork_server,
    supernode_environment,
)

# Approves the hashes in the site's own folder, and does as its mode file says.
SITE_GATE = """
import json, os, time
from pathlib import Path
import audit
from federation.gate.fork_server.verdict import GateRefused

def decide(app_dir, fab_hash):
    site = Path(os.environ["ASSENT_SITE_DIR"])
    mode = (site / "mode").read_text() if (site / "mode").exists() else ""
    with (site / "asked").open("a") as asked:
        asked.write(json.dumps({"pid": os.getpid(), "audit": audit.__file__}) + "\\n")
    if mode == "hang":
        time.sleep(600)
    if mode == "die":
        os._exit(0)
    if mode == "break":
        raise ValueError("secret detail")
    if fab_hash not in (site / "approved").read_text():
        raise GateRefused("NOT_APPROVED", f"no approved study names app {fab_hash}")
"""


@pytest.fixture(scope="session")
def site_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with the site's gate function."""
    folder = tmp_path_factory.mktemp("installation")
    (folder / "site_gate.py").write_text(SITE_GATE)
    return folder


@pytest.fixture(scope="session")
def fork_server(
    tmp_path_factory: pytest.TempPathFactory, site_installation: Path
) -> Iterator[RunningServer]:
    """A ready fork server, whose gate has four seconds to answer."""
    folder = tmp_path_factory.mktemp("server")
    with (folder / "server.log").open("ab") as log:
        server = start_fork_server(
            folder / "run" / "fork.sock",
            gate="site_gate:decide",
            gate_timeout_seconds=4,
            after="",
            environment={**os.environ, "PYTHONPATH": str(site_installation)},
            log=log,
        )
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def superlink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """A running SuperLink without SuperNodes."""
    federation = SmallFederation(tmp_path_factory.mktemp("federation"))
    try:
        federation.start_superlink()
        yield federation
    finally:
        federation.stop()


def start_site(
    federation: SmallFederation, server: RunningServer, name: str, approved: str
) -> tuple[Path, "subprocess.Popen[bytes]"]:
    """Start a SuperNode whose messages go through the fork server; return its site's folder."""
    site = federation.folder / name / "site"
    site.mkdir(parents=True)
    (site / "approved").write_text(approved)
    base = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment = supernode_environment(server.socket_path, site, base)
    return site, federation.start_supernode(name, environment)
