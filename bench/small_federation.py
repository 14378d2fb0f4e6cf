"""A SuperLink and SuperNodes on loopback, without TLS: for benches and tests, never for a site."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from stack.flower import QUIET

TOOLS = Path(sys.executable).parent
CLIENT_API, SUPERNODE_START_SECONDS, STEP_SECONDS = "127.0.0.1", 60.0, 120.0

SERVER_APP = '''
import json, time
from pathlib import Path
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import ServerApp
from federation.app.exchange import Exchange

app = ServerApp()

@app.main()
def main(grid, context):
    """Run each command that appears in the folder; one command is one exchange with all nodes."""
    folder = Path(context.run_config["folder"])
    step = 0
    while True:
        command_file = folder / f"{step}.command"
        if not command_file.exists():
            time.sleep(0.02)
            continue
        command = json.loads(command_file.read_text())
        if command["do"] == "stop":
            return
        while len(nodes := list(grid.get_node_ids())) != command["nodes"]:
            time.sleep(0.1)
        asked = ConfigRecord({"do": command["do"]})
        messages = [Message(RecordDict({"asked": asked}), node, "query") for node in nodes]
        begun = time.monotonic()
        result = Exchange(grid, messages, command["timeout"])
        while not result.is_over:
            result.poll()
            time.sleep(0.1)
        answer = {
            "seconds": time.monotonic() - begun,
            "replies": [dict(reply.content["report"]) for reply in result.replies.values()],
            "errors": [[error.code, error.reason] for error in result.errors.values()],
            "missing": len(result.missing),
            "asked": len(nodes),
        }
        written = folder / f"{step}.writing"
        written.write_text(json.dumps(answer))
        written.rename(folder / f"{step}.answer")
        step += 1
'''

PYPROJECT = """
[project]
name = "probe"
version = "1.0.0"
description = "What a test or bench federates"
license = { file = "LICENSE" }
dependencies = ["flwr>=1.41.0"]

[tool.flwr.app]
publisher = "assent"
fab-format-version = 1
flwr-version-target = "1.41.0"

[tool.flwr.app.components]
serverapp = "probe_app.server:app"
clientapp = "probe_app.client:app"

[tool.flwr.app.config]
folder = ""
"""


def write_app(folder: Path, client_app: str, others: Mapping[str, str] | None = None) -> Path:
    """Write a Flower app: this client source, the server above, and other files by path."""
    exchange = Path(__file__).parent.parent / "federation" / "app" / "exchange.py"
    files = {
        "pyproject.toml": PYPROJECT,
        "LICENSE": "Apache-2.0\n",
        "probe_app/__init__.py": "",
        "probe_app/client.py": client_app,
        "probe_app/server.py": SERVER_APP,
        "federation/app/__init__.py": "",
        "federation/app/exchange.py": exchange.read_text(),
        **(others or {}),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((CLIENT_API, 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, found: Callable[[], object], seconds: float) -> None:
    """Wait until `found()` is true, or fail with a name for what did not come."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)


class SmallFederation:
    """Processes of one federation, and the folder that they work in."""

    def __init__(self, folder: Path, *, as_shipped: bool = False) -> None:
        """``as_shipped``: Flower looks for tasks as often as it does by default."""
        self.folder, self._as_shipped = folder, as_shipped
        self.port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._runs = 0

    def start_superlink(self) -> None:
        """Start the coordinator's SuperLink and wait until it listens."""
        command = ["flower-superlink", "--insecure", "--disable-runtime-dependency-installation"]
        self._start("superlink", [*command, "--port", str(self.port)], self._environment("link"))
        wait_for("the SuperLink's start", self._listens, 60.0)

    def start_supernode(
        self, name: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start one site's SuperNode in this environment (default: Flower as shipped)."""
        command = ["flower-supernode", "--insecure", "--superlink", f"{CLIENT_API}:{self.port}"]
        command += ["--port", str(free_port())]
        return self._start(name, command, self._environment(name, environment))

    def home(self, name: str) -> Path:
        """Return the FLWR_HOME of a node."""
        return self.folder / name / "flwr"

    def log(self, name: str) -> str:
        """Return what a process of this name has logged."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def run(self, app: Path) -> "Run":
        """Start a run of the app; returns before any message is sent."""
        self._runs += 1
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        environment = self._environment("cli")
        config = self.home("cli") / "config.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(
            f'[superlink.small]\naddress = "{CLIENT_API}:{self.port}"\ninsecure = true\n'
        )
        command = [str(TOOLS / "flwr"), "run", str(app), "small"]
        command += ["--run-config", f"folder={json.dumps(str(folder))}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"flwr run failed: {done.stdout}{done.stderr}")
        return Run(folder)

    def stop(self) -> None:
        """End every process that was started here, with all that it started."""
        for process in reversed(self._processes):
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(
        self, name: str, command: list[str], environment: dict[str, str]
    ) -> "subprocess.Popen[bytes]":
        program = shutil.which(command[0], path=environment["PATH"])
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [program or command[0], *command[1:]],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _environment(self, name: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        environment = {**os.environ, **FIXED_ENVIRONMENT}
        environment["PATH"] = f"{TOOLS}{os.pathsep}{environment['PATH']}"
        if not self._as_shipped:
            environment.update(QUIET)
        environment.pop("PYTHONPATH", None)
        environment.update(extra or {})
        environment["FLWR_HOME"] = str(self.home(name))
        return environment

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((CLIENT_API, self.port)) == 0


class Run:
    """One run of an app, driven step by step through files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._step = 0
        self._patience = STEP_SECONDS

    def begin(self, do: str, nodes: int, timeout: float = STEP_SECONDS) -> None:
        """Have the ServerApp ask every node to `do` this, once that many nodes are online."""
        command = {"do": do, "nodes": nodes, "timeout": timeout}
        self._patience = max(STEP_SECONDS, timeout)
        writing = self._folder / f"{self._step}.new"
        writing.write_text(json.dumps(command))
        writing.rename(self._folder / f"{self._step}.command")

    def finish(self) -> dict[str, Any]:
        """Wait for the step's answer (see `SERVER_APP`)."""
        answer = self._folder / f"{self._step}.answer"
        wait_for(f"step {self._step} of the run", answer.exists, self._patience)
        self._step += 1
        result: dict[str, Any] = json.loads(answer.read_text())
        return result

    def ask(self, do: str, nodes: int, timeout: float = STEP_SECONDS) -> dict[str, Any]:
        """Begin and finish one step."""
        self.begin(do, nodes, timeout)
        return self.finish()

    def stop(self) -> None:
        """Let the ServerApp end."""
        self.begin("stop", 0)
