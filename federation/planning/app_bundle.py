"""The Flower app of this installation: staged, and built into the bundle that reviewers approve."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from federation.app.package import stage_app
from federation.gate.fork_server.fab import build_fab

# Flower wants an app's folder to have a plain name.
_FOLDER = "assent-app"


@contextmanager
def staged_app() -> Iterator[Path]:
    """A temporary folder with the app's sources, ready for `flwr run`."""
    with tempfile.TemporaryDirectory(prefix="assent-") as folder:
        yield stage_app(Path(folder) / _FOLDER)


def installed_app() -> bytes:
    """The Flower App Bundle that this installation builds: the same bytes on any machine.

    Raises:
        federation.gate.fork_server.fab.FabError
    """
    with staged_app() as folder:
        return build_fab(folder)[0]
