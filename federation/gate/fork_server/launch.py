"""Start a fork server and give its SuperNode the environment in which Flower finds it."""

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import federation.gate
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT, UnusableEnvironmentError

SOCKET_VARIABLE = "ASSENT_FORK_SERVER"
PROGRAM = "flwr-clientapp"
BIN_FOLDER = Path(federation.gate.__file__ or "").resolve().parent / "bin"
INSTALLATION = BIN_FOLDER.parents[2]  # the folder that holds the site's `federation`


@dataclass
class RunningServer:
    """A fork server that was started here.

    Attributes
    ----------
    process: the server; it ends by itself when its SuperNodes, or this process, have ended.
    socket_path: where it listens.
    """

    process: "subprocess.Popen[bytes]"
    socket_path: Path
    _lifeline: int
    _ready: int

    def wait_until_ready(self, timeout_seconds: float = 120.0) -> None:
        """Wait until the libraries are imported and requests are served (about 15 s of CPU).

        Raises
        ------
        UnusableEnvironmentError: the server ended, or was not ready in time; its log says why.
        """
        readable, _w, _x = select.select([self._ready], [], [], timeout_seconds)
        told = os.read(self._ready, 16) if readable else b""
        if not told:
            self.stop()
            raise UnusableEnvironmentError(
                f"the fork server at {self.socket_path} did not start within "
                f"{timeout_seconds:g} s; its log says why"
            )

    def stop(self) -> None:
        """End the server and every child of it; safe to call again."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            os.close(self._ready)
            self._lifeline = -1
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_fork_server(
    socket_path: Path,
    *,
    gate: str = "federation.gate.gate:decide",
    supernode_pids: Sequence[int] = (),
    gate_timeout_seconds: float = 120.0,
    after: str = "federation.gate.deliveries:watch",
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> RunningServer:
    """Start a fork server that ends with this process, and with its SuperNodes if they are named.

    Parameters
    ----------
    socket_path: where it listens; the folder is made with mode 700 if it is missing.
    gate: "MODULE:FUNCTION" of the gate function.
    supernode_pids: processes to end with (all of them ended).
    gate_timeout_seconds: how long a child waits for a verdict.
    after: "MODULE:FUNCTION", called after each message that ended well; "" for nothing.
    environment: the server's environment (default: this process's).
    log: where its log goes (default: this process's standard error).
    """
    life_read, life_write = os.pipe()
    ready_read, ready_write = os.pipe()
    # -P: modules come from the installation, never from the folder this was started in.
    command = [sys.executable, "-P", "-m", "federation.gate.fork_server"]
    command += ["--socket", str(socket_path), "--gate", gate]
    command += ["--gate-timeout-seconds", str(gate_timeout_seconds), "--after", after]
    command += ["--lifeline-fd", str(life_read), "--ready-fd", str(ready_write)]
    for pid in supernode_pids:
        command += ["--supernode-pid", str(pid)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_with_installation(os.environ if environment is None else environment),
            pass_fds=(life_read, ready_write),
        )
    finally:
        os.close(life_read)
        os.close(ready_write)
    return RunningServer(process, socket_path, life_write, ready_read)


def _with_installation(base: Mapping[str, str]) -> dict[str, str]:
    """Put the installation that this module belongs to first on PYTHONPATH."""
    folders = filter(None, (str(INSTALLATION), base.get("PYTHONPATH")))
    return {**base, "PYTHONPATH": os.pathsep.join(folders)}


def supernode_environment(
    socket_path: Path, site_folder: Path, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment in which a SuperNode starts every message through the fork server.

    Parameters
    ----------
    socket_path: where the site's fork server listens.
    site_folder: the site's own folder, which its gate reads as ASSENT_SITE_DIR.
    base: the environment to extend (default: this process's).

    Raises
    ------
    UnusableEnvironmentError: PATH would not find the gate's `flwr-clientapp`, so apps would run
        without a gate.
    """
    result = dict(os.environ if base is None else base)
    # The interpreter's folder comes next: `flwr-clientapp` starts with the first python3 on PATH.
    folders = [str(BIN_FOLDER), str(Path(sys.executable).parent), result.get("PATH", os.defpath)]
    result["PATH"] = os.pathsep.join(folders)
    result[SOCKET_VARIABLE] = str(socket_path)
    result["ASSENT_SITE_DIR"] = str(site_folder)
    # Seconds; Flower's default is 1. Ten looks a second would keep a twentieth of a core busy.
    result["FLWR_SUPEREXEC_TASK_POLL_INTERVAL"] = "0.25"
    result.update(FIXED_ENVIRONMENT)
    if shutil.which(PROGRAM, path=result["PATH"]) != str(BIN_FOLDER / PROGRAM):
        raise UnusableEnvironmentError(
            f"{BIN_FOLDER / PROGRAM} is missing or not executable: apps would run without the "
            "site's gate. Install the site again"
        )
    return result
