"""The gate process: decides about an app in a process that will never load it.

A child forks it before Flower starts, while there is one thread and no app on the path. So the gate
function runs with the site's own installed project modules, and the child loads the app's.
Every end but a clear yes is a refusal: a crash, silence, an answer that cannot be read.
"""

import importlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from federation.gate.fork_server.fab import FabError, check_folder_name, read_fab_folder
from federation.gate.fork_server.linux import die_with_parent
from federation.gate.fork_server.names import why_names_refused
from federation.gate.fork_server.verdict import Admission, GateRefused

log = logging.getLogger("assent.gate")

_LENGTH_BYTES = 4


class GateProcess:
    """A child's link to its own gate process."""

    def __init__(self, pid: int, link: socket.socket, timeout_seconds: float) -> None:
        self._pid = pid
        self._link = link
        self._timeout_seconds = timeout_seconds

    @classmethod
    def fork(cls, gate: str, timeout_seconds: float) -> "GateProcess":
        """Fork the gate process. Call with one thread only.

        Parameters
        ----------
        gate: "MODULE:FUNCTION", called as `function(app_dir: Path, fab_hash: str)`.
        timeout_seconds: how long the child waits for a verdict before it counts as a refusal.
        """
        child_end, gate_end = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            child_end.close()
            _run_gate(gate_end, gate, parent)
        gate_end.close()
        return cls(pid, child_end, timeout_seconds)

    def ask(self, app_dir: Path) -> Admission:
        """Ask once whether the app in this folder may be loaded.

        Raises
        ------
        GateRefused: it may not, or no clear yes came in time.
        """
        deadline = time.monotonic() + self._timeout_seconds
        try:
            self._link.sendall(_frame({"app_dir": str(app_dir)}))
            answer = _receive(self._link, deadline)
            if answer is None:
                raise GateRefused("GATE_GONE", "the gate process ended without a verdict")
            if answer.get("verdict") == "admit":
                return Admission(app_dir, str(answer["fab_hash"]), dict(answer["files"]))
            raise GateRefused(str(answer["code"]), str(answer["message"]))
        except TimeoutError as error:
            raise GateRefused(
                "GATE_TIMEOUT", f"the gate gave no verdict within {self._timeout_seconds:g} s"
            ) from error
        except (OSError, ValueError, KeyError) as error:
            raise GateRefused("GATE_GONE", f"the gate's verdict cannot be read: {error}") from error
        finally:
            self._end()

    def _end(self) -> None:
        self._link.close()
        os.kill(self._pid, signal.SIGKILL)  # not reaped yet, so the id is still its own
        os.waitpid(self._pid, 0)


def _run_gate(link: socket.socket, gate: str, parent: int) -> NoReturn:
    """Wait for the one question, answer it, end. Never returns into the child's code."""
    try:
        die_with_parent(parent)
        decide, problem = _import_decide(gate)
        question = _receive(link, deadline=None)
        if question is not None:
            app_dir = Path(question["app_dir"])
            link.sendall(_frame(problem or _answer(decide, app_dir)))
    except BaseException:  # whatever it is, the child must see a gate that is gone
        log.exception("the gate process failed")
    finally:
        logging.shutdown()
        os._exit(0)


def _import_decide(gate: str) -> tuple[Callable[[Path, str], None], dict[str, object] | None]:
    """Import the gate function early, while the child still talks to its SuperNode."""
    module_name, _, function_name = gate.partition(":")
    try:
        decide = getattr(importlib.import_module(module_name), function_name)
        if callable(decide):
            return decide, None
        reason = f"{gate} is not a function"
    except Exception as error:
        log.exception("the gate function %s cannot be imported", gate)
        reason = f"{gate} cannot be imported ({type(error).__name__}); see the site's log"
    return _refuse_everything, _refusal("GATE_FAILED", reason)


def _refuse_everything(_app_dir: Path, _fab_hash: str) -> None:
    raise GateRefused("GATE_FAILED", "the gate function could not be imported")


def _answer(decide: Callable[[Path, str], None], app_dir: Path) -> dict[str, object]:
    """Hash the folder, check its names, then let the site's gate function decide."""
    try:
        fab = read_fab_folder(app_dir)
        check_folder_name(app_dir, fab.fab_hash)
    except FabError as error:
        return _refusal("APP_ALTERED", str(error))
    if collision := why_names_refused(fab.file_hashes, list(sys.path)):
        return _refusal(*collision)
    try:
        decide(app_dir, fab.fab_hash)
    except Exception as error:
        code = getattr(error, "code", None)
        if isinstance(code, str):
            return _refusal(code, str(getattr(error, "message", error)))
        log.exception("the gate function failed")
        return _refusal("GATE_FAILED", f"the gate function raised {type(error).__name__}")
    log.info("gate: admitted app %s", fab.fab_hash)
    return {"verdict": "admit", "fab_hash": fab.fab_hash, "files": fab.file_hashes}


def _refusal(code: str, message: str) -> dict[str, object]:
    log.error("gate: refused: %s: %s", code, message)
    return {"verdict": "refuse", "code": code, "message": message}


def _frame(content: dict[str, object]) -> bytes:
    body = json.dumps(content).encode()
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def _receive(link: socket.socket, deadline: float | None) -> dict[str, Any] | None:
    """Read one frame; None when the other end is gone."""
    header = _receive_exactly(link, _LENGTH_BYTES, deadline)
    body = header and _receive_exactly(link, int.from_bytes(header, "big"), deadline)
    if not body:
        return None
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return content


def _receive_exactly(link: socket.socket, count: int, deadline: float | None) -> bytes | None:
    received = b""
    while len(received) < count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            link.settimeout(left)
        chunk = link.recv(count - len(received))
        if not chunk:
            return None
        received += chunk
    return received
