"""An IPFS node of a module's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.kubo import KuboDaemon
from stack.process import ProcessGroup


@contextmanager
def kubo_api(folder: Path) -> Iterator[str]:
    """A daemon in a new folder; its API's address."""
    daemon = KuboDaemon(folder / "repository", folder / "kubo.log")
    with ProcessGroup() as group:
        group.start(daemon)
        daemon.wait_for_api()
        yield daemon.api
