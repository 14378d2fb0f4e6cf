"""The HTTP service's two processes: web, and the worker that reads and writes the chain."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from stack.process import ManagedProcess

_READY_SECONDS = 60.0


class ServiceProcesses:
    """`python -m api.web` and `python -m api.worker`.

    Args:
        environment: the settings, `ASSENT_API_...`: a database's password may be among them, so
            they never stand on a command line.
        logs: folder of their logs.
        address: where the web process listens, http://HOST:PORT.
    """

    def __init__(self, environment: Mapping[str, str], logs: Path, address: str) -> None:
        self.address = address
        self.web = _process("the service", "api.web", logs / "service.log", environment)
        self.worker = _process("its worker", "api.worker", logs / "service-worker.log", environment)

    def wait_until_answering(self) -> None:
        """Waits until the web process answers. Raises `ProcessError`."""
        self.web.wait_until_ready(self._answers, _READY_SECONDS)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=2):  # noqa: S310
                return True
        except urllib.error.HTTPError:
            return False


def _process(
    name: str, module: str, log_path: Path, environment: Mapping[str, str]
) -> ManagedProcess:
    # -P: modules come from the installation, never from the folder where this was started.
    argv = [sys.executable, "-P", "-m", module]
    root = str(Path(__file__).resolve().parents[1])
    return ManagedProcess(name, argv, log_path, env={**environment, "PYTHONPATH": root})
