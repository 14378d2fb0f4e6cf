"""The gate process: decides about an app in a process that will never load it.

The gate's keeper forks one for each message, with the site's own installed project modules; the
message's process asks it once and then loads the app's. Every end but a clear yes is a refusal: a
crash, silence, an answer that cannot be read.
"""

import json
import logging
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from federation.gate.fork_server.compiled import CompiledApp
from federation.gate.fork_server.fab import FabError, check_folder_name, read_fab_folder
from federation.gate.fork_server.names import why_names_refused
from federation.gate.fork_server.verdict import Admission, GateRefused

log = logging.getLogger("assent.gate")

_LENGTH_BYTES = 4

Decide = Callable[[Path, str], None]
"""The site's gate function: raises `GateRefused` for an app's folder and its FAB's hash."""


class GateLink:
    """The end of a message's process; its gate process is at the other.

    Parameters
    ----------
    link: a connected stream socket.
    timeout_seconds: how long to wait for a verdict before it counts as a refusal.
    """

    def __init__(self, link: socket.socket, timeout_seconds: float) -> None:
        self._link = link
        self._timeout_seconds = timeout_seconds

    def ask(self, app_dir: Path) -> Admission:
        """Ask once whether the app in this folder may be loaded.

        Raises
        ------
        GateRefused: it may not, or no clear yes came in time.
        """
        deadline = time.monotonic() + self._timeout_seconds
        try:
            self._link.sendall(_frame({"app_dir": str(app_dir)}))
            answer, descriptor = _receive(self._link, deadline)
            compiled = None if descriptor is None else CompiledApp(descriptor)
            if answer is None:
                raise GateRefused("GATE_GONE", "the gate process ended without a verdict")
            if answer.get("verdict") == "admit":
                files = dict(answer["files"])
                return Admission(app_dir, str(answer["fab_hash"]), files, compiled)
            raise GateRefused(str(answer["code"]), str(answer["message"]))
        except TimeoutError as error:
            raise GateRefused(
                "GATE_TIMEOUT", f"the gate gave no verdict within {self._timeout_seconds:g} s"
            ) from error
        except (OSError, ValueError, KeyError) as error:
            raise GateRefused("GATE_GONE", f"the gate's verdict cannot be read: {error}") from error
        finally:
            self._link.close()  # the gate process ends with it


def answer_one(
    link: socket.socket, decide: Decide, compiled: Mapping[str, int]
) -> Admission | None:
    """Wait for the one question and answer it; in a gate process, which ends when its asker does.

    Parameters
    ----------
    compiled: descriptors of what `compile_app` made, by the hash of the app.

    Returns
    -------
    What was admitted; None when nobody asked, or the answer was no.
    """
    question, _ = _receive(link, deadline=None)
    if question is None:
        return None
    decided = threading.Event()
    _end_when_hung_up(link, decided)
    verdict = _verdict(decide, Path(question["app_dir"]))
    decided.set()
    if isinstance(verdict, GateRefused):
        log.error("gate: refused: %s: %s", verdict.code, verdict.message)
        _send(link, {"verdict": "refuse", "code": verdict.code, "message": verdict.message})
        return None
    log.info("gate: admitted app %s", verdict.fab_hash)
    told = {"fab_hash": verdict.fab_hash, "files": verdict.file_hashes}
    _send(link, {"verdict": "admit", **told}, compiled.get(verdict.fab_hash))
    return verdict


def _end_when_hung_up(link: socket.socket, decided: threading.Event) -> None:
    """Before the verdict, a process whose asker is gone, or out of patience, has nothing to do."""
    watched = select.poll()
    watched.register(os.dup(link.fileno()), select.POLLHUP)

    def watch() -> None:
        watched.poll()
        if not decided.is_set():
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _verdict(decide: Decide, app_dir: Path) -> Admission | GateRefused:
    """Hash the folder, check its names, then let the site's gate function decide."""
    try:
        fab = read_fab_folder(app_dir)
        check_folder_name(app_dir, fab.fab_hash)
    except FabError as error:
        return GateRefused("APP_ALTERED", str(error))
    if collision := why_names_refused(fab.file_hashes, list(sys.path)):
        return GateRefused(*collision)
    try:
        decide(app_dir, fab.fab_hash)
    except Exception as error:
        code = getattr(error, "code", None)
        if isinstance(code, str):
            return GateRefused(code, str(getattr(error, "message", error)))
        log.exception("the gate function failed")
        return GateRefused("GATE_FAILED", f"the gate function raised {type(error).__name__}")
    return Admission(app_dir, fab.fab_hash, fab.file_hashes)


def _frame(content: dict[str, object]) -> bytes:
    body = json.dumps(content).encode()
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def _send(link: socket.socket, content: dict[str, object], descriptor: int | None = None) -> None:
    frame = _frame(content)
    # A descriptor travels with the first bytes, which are sent whole or not at all.
    socket.send_fds(link, [frame[:_LENGTH_BYTES]], [] if descriptor is None else [descriptor])
    link.sendall(frame[_LENGTH_BYTES:])


def _receive(
    link: socket.socket, deadline: float | None
) -> tuple[dict[str, Any] | None, int | None]:
    """Read one frame and the descriptor that came with it; None when the other end is gone."""
    header, descriptor = _receive_exactly(link, _LENGTH_BYTES, deadline)
    if not header:
        return None, None
    body, _ = _receive_exactly(link, int.from_bytes(header, "big"), deadline)
    content = json.loads(body) if body else None
    if content is not None and not isinstance(content, dict):
        raise ValueError("not an object")
    return content, descriptor


def _receive_exactly(
    link: socket.socket, count: int, deadline: float | None
) -> tuple[bytes | None, int | None]:
    received, descriptor = bytearray(), None
    while len(received) < count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            link.settimeout(left)
        chunk, found, _flags, _address = socket.recv_fds(link, count - len(received), 1)
        if not chunk:
            return None, descriptor
        descriptor = found[0] if found else descriptor
        received += chunk
    return bytes(received), descriptor
