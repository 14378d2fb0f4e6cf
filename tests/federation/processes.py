"""Processes that die in a test, and services that go away and come back."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from stack.kubo import KuboDaemon
from tests.small_federation import SmallFederation

KILLED = 9


def dies_in_a_child(work: Callable[[], object]) -> None:
    """Does some work in a forked process, which then ends at once, as if it were killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = KILLED
        except BaseException:  # noqa: BLE001  (whatever it is, pytest must not go on in the child)
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == KILLED


def kill_ipfs(federation: SmallFederation) -> None:
    """SIGKILL, as by a machine that runs out of memory."""
    kubo = federation.local.services.kubo
    for process in psutil.Process(kubo.pid).children(recursive=True):
        process.kill()
    kubo.wait(60)


def start_ipfs_again(federation: SmallFederation) -> None:
    """At the same address, with what was pinned."""
    local, old = federation.local, federation.local.services.kubo
    local.services.kubo = KuboDaemon(
        old.folder, old.log_path, port=old.port, gateway_port=old.gateway_port
    )
    local.group.start(local.services.kubo)
    local.services.kubo.wait_for_api()


def phases(federation: SmallFederation, number: int) -> list[str]:
    """What the coordinator noted about a round, in order."""
    progress = federation.local.layout.coordinator / "progress.jsonl"
    lines = progress.read_text().splitlines() if progress.exists() else []
    return [note["phase"] for line in lines if (note := json.loads(line))["round"] == number]


def processes_of(folder: Path) -> list[psutil.Process]:
    """Processes that were started in or with a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(process)
    return found


@contextmanager
def changed_on_ipfs(
    federation: SmallFederation, cid: str, change: Callable[[bytes], bytes] | None
) -> Iterator[None]:
    """An object's bytes are others on the IPFS node's disk, or gone when `change` is None."""
    data = federation.coordinator().store.get(cid)
    blocks = federation.local.layout.ipfs / "blocks"
    (path,) = [path for path in blocks.rglob("*.data") if path.read_bytes() == data]
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(data))
    try:
        yield
    finally:
        path.write_bytes(data)
        federation.coordinator().store.put(data)  # Kubo remembers what it did not find
