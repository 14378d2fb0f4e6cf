"""What a coordinator does with a running SuperLink: register SuperNodes, run an app, ask how it
went.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stack.binaries import tool_environment
from stack.flower import (
    CONNECTION,
    Value,
    flwr_environment,
    flwr_program,
    toml_value,
)
from stack.process import TOOLS, ManagedProcess, last_lines

# How `flwr ls` writes that a run's status has no details.
_NO_DETAILS = "N/A"
# `flwr` takes two seconds to load; this calls it once for several keys.
REGISTER_ALL = """
import sys
from flwr.cli.app import app
for key in sys.argv[2:]:
    app(["supernode", "register", key, sys.argv[1], "--format", "json"], standalone_mode=False)
"""


class Connected(Protocol):
    """What reaches a SuperLink: a `stack.flower.SuperLink`, or a `FlowerHome`."""

    @property
    def home(self) -> Path: ...


@dataclass(frozen=True)
class FlowerHome:
    """FLWR_HOME with the connection to a SuperLink that something else has started."""

    home: Path


class FlowerError(Exception):
    """The `flwr` command failed; the message holds what it said."""


@dataclass(frozen=True)
class FlowerRun:
    """How one run of an app went.

    `status` and `details` are Flower's words, such as finished:completed, and "" where it has none;
    `exit_status` is that of `flwr run`, which is 0 also when the app failed.
    """

    run_id: int
    status: str
    details: str
    exit_status: int

    @property
    def succeeded(self) -> bool:
        """Whether the app ran to its end without an error."""
        return self.exit_status == 0 and self.status == "finished:completed"


def register(superlink: Connected, public_keys: Sequence[Path]) -> list[int]:
    """Admit SuperNodes by their public keys (OpenSSH form); returns their node ids, in order.

    Raises `FlowerError`, also when a key is registered already.
    """
    argv = [sys.executable, "-c", REGISTER_ALL, CONNECTION, *map(str, public_keys)]
    output = _flwr(argv, superlink.home)
    found = [int(number) for number in re.findall(r'"node-id":\s*"?(\d+)"?', output)]
    if len(found) != len(public_keys):
        raise FlowerError(f"{len(found)} of {len(public_keys)} keys were registered: {output}")
    return found


def run_app(
    app: Path,
    superlink: Connected,
    log_path: Path,
    *,
    run_config: Mapping[str, Value] | None = None,
    on_line: Callable[[str], None] = lambda _line: None,
) -> FlowerRun:
    """Build the app in the folder `app`, run it, and wait until it has ended.

    Each line that the ServerApp logs goes to `log_path`, and to `on_line` as it comes. Raises
    `FlowerError` when the run could not be started. Left by an exception, it does not stop the
    run: stop the SuperLink.
    """
    argv = [flwr_program(), "run", str(app), CONNECTION, "--stream"]
    if run_config:
        path = superlink.home / "run-config.toml"
        pairs = [f"{json.dumps(key)} = {toml_value(value)}" for key, value in run_config.items()]
        path.write_text("\n".join(pairs) + "\n", encoding="utf-8")
        argv += ["--run-config", str(path)]
    log_path.unlink(missing_ok=True)
    process = ManagedProcess("flwr run", argv, log_path, env=flwr_environment(superlink.home))
    process.start()
    try:
        _follow(process, on_line)
    finally:
        process.stop()
    started = re.search(r"Successfully started run (\d+)", log_path.read_text(errors="replace"))
    if started is None:
        raise FlowerError(f"{app} was not started:\n{last_lines(log_path)}\nRead {log_path}.")
    return _outcome(superlink, int(started.group(1)), process.status or 0)


def _follow(process: ManagedProcess, on_line: Callable[[str], None]) -> None:
    with process.log_path.open(encoding="utf-8", errors="replace") as log:
        rest = ""
        while True:
            ended = not process.is_running
            rest += log.read()
            *lines, rest = rest.split("\n")
            for line in lines:
                on_line(line)
            if ended:
                return
            time.sleep(0.1)


def _outcome(superlink: Connected, run_id: int, exit_status: int) -> FlowerRun:
    argv = [flwr_program(), "ls", CONNECTION, "--run-id", str(run_id), "--format", "json"]
    answer = json.loads(_flwr(argv, superlink.home))
    run = answer["runs"][0]
    details = run["status-details"]
    return FlowerRun(run_id, run["status"], "" if details == _NO_DETAILS else details, exit_status)


def _flwr(argv: list[str], home: Path) -> str:
    done = subprocess.run(
        argv,
        env=tool_environment(TOOLS, flwr_environment(home)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != 0:
        raise FlowerError((done.stdout + done.stderr).strip())
    return done.stdout
