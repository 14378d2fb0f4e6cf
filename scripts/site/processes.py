"""A site's two long processes: its SuperNode, and its fork server that every message goes through.

They outlive the command that starts them; `run/processes.json` in the site's folder says which.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain.alone import alone
from federation.gate.flower_settings import FlowerSettings
from federation.gate.fork_server.launch import BIN_FOLDER, INSTALLATION, SOCKET_VARIABLE
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from federation.gate.fork_server.listener import LONGEST_PATH
from federation.gate.site import SITE_DIR
from stack import running
from stack.flower import SuperNode
from stack.process import ManagedProcess

READY_SECONDS = 180.0


class SiteRunning(Exception):
    """A command does not fit to whether the site runs. The message says what to do."""


def running_processes(folder: Path) -> list[running.Running]:
    """Those of the site's processes that are there now, started by `assent site start`."""
    return [one for one in running.read(_record(folder)) if one.is_running]


def names_of_running(folder: Path) -> list[str]:
    """What runs for the site, "the SuperNode" and "the fork server", whoever has started it."""
    own = [one.name for one in running_processes(folder)]
    return own or [one.name.removesuffix(f" of {folder.name}") for one in _of_up(folder)]


def _of_up(folder: Path) -> list[running.Running]:
    """What `assent up` runs for a site of its own: all its sites share one fork server."""
    state = folder.parent.parent
    if not (state / "up.json").is_file():
        return []
    wanted = (f"the SuperNode of {folder.name}", "the fork server")
    there = running.read(state / "run" / "processes.json")
    return [one for one in there if one.name in wanted and one.is_running]


def _refuse_where_up_runs_it(folder: Path) -> None:
    if _of_up(folder):
        state = folder.parent.parent
        raise SiteRunning(
            f"{folder} runs under `assent up`; `assent down --state {state}` stops it with all else"
        )


def start_processes(folder: Path, timeout: float) -> int:
    """Starts both, waits until the SuperLink has accepted the site; returns its node id.

    Raises:
        SiteRunning: they run already, maybe under `assent up`, or another command is starting or
            stopping them.
        SiteFolderInvalid: the site has joined no study.
        ProcessError: one of them ended or was not ready in time; nothing is left running.
    """
    _refuse_where_up_runs_it(folder)
    with _alone_with(folder):
        if there := running_processes(folder):
            names = " and ".join(one.name for one in there)
            raise SiteRunning(f"{names} of {folder} run already; `assent site stop` ends them")
        supernode = _supernode(folder)
        started: list[ManagedProcess] = []
        try:
            started.append(supernode)
            supernode.start()
            fork_server = _fork_server(folder, supernode.pid)
            began = _size(fork_server.log_path)
            started.append(fork_server)
            fork_server.start()
            running.record(started, _record(folder))
            supernode.wait_for_superlink(timeout)
            fork_server.wait_until_ready(
                lambda: b"ready at" in fork_server.log_path.read_bytes()[began:], READY_SECONDS
            )
        except BaseException:
            for process in reversed(started):
                process.stop()
            _record(folder).unlink(missing_ok=True)
            raise
        assert supernode.node_id is not None
        return supernode.node_id


def stop_processes(folder: Path) -> list[str]:
    """Stops both, the fork server first; returns the names of those that were there.

    Raises:
        SiteRunning: `assent up` runs them, or another command is starting or stopping them.
    """
    _refuse_where_up_runs_it(folder)
    with _alone_with(folder):
        return running.stop_all(_record(folder))


def _supernode(folder: Path) -> SuperNode:
    settings = FlowerSettings.load(folder)
    return SuperNode(
        "the SuperNode",
        folder / "supernode",
        folder / "logs" / "supernode.log",
        superlink=settings.superlink,
        ca=folder / settings.ca,
        clientapp_folder=BIN_FOLDER,
        env={
            **FIXED_ENVIRONMENT,
            SITE_DIR: str(folder),
            SOCKET_VARIABLE: str(_socket(folder)),
            "TMPDIR": str(_temporary(folder)),
        },
        outlives_us=True,
    )


def _fork_server(folder: Path, supernode_pid: int) -> ManagedProcess:
    # -P and PYTHONPATH: modules come from the installation, never from where this was started.
    argv = [sys.executable, "-P", "-m", "federation.gate.fork_server"]
    argv += ["--socket", str(_socket(folder)), "--supernode-pid", str(supernode_pid)]
    return ManagedProcess(
        "the fork server",
        argv,
        folder / "logs" / "fork-server.log",
        env={
            **FIXED_ENVIRONMENT,
            "PYTHONPATH": str(INSTALLATION),
            "TMPDIR": str(_temporary(folder)),
        },
        outlives_us=True,
    )


def _socket(folder: Path) -> Path:
    path = folder / "run" / "fork-server"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise SiteRunning(
            f"{path} is longer than the {LONGEST_PATH} bytes that a Unix socket's path may"
            " have; move the site's folder to a shorter path"
        )
    return path


def _temporary(folder: Path) -> Path:
    # Libraries leave files there, some under names that anybody could take first in /tmp.
    path = folder / "run" / "tmp"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _record(folder: Path) -> Path:
    return folder / "run" / "processes.json"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _alone_with(folder: Path) -> Iterator[None]:
    """One command at a time starts or stops."""
    (folder / "run").mkdir(mode=0o700, exist_ok=True)
    busy = SiteRunning(f"another command is starting or stopping {folder}; wait for it")
    with alone(folder / "run" / "lock", busy):
        yield
