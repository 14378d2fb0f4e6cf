"""Starts a process for bundle jobs whenever some wait; the worker calls this again and again."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import structlog

from api.review.bundling import repository
from api.review.reading import looking
from api.service import Service
from api.settings import Settings

# After a process that ended badly: what it lacks will not mend itself in a second.
_PAUSE_SECONDS = 30.0
_PREFIX = "ASSENT_API_"
_log = structlog.get_logger("bundling")


class Bundling:
    """At most one process at a time. A job whose process died is begun anew by the next."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def run_once(self) -> int:
        """Starts a process when there is work and none runs; 0: nothing has to be done at once.

        Raises:
            sqlalchemy.exc.SQLAlchemyError, OSError
        """
        if self._child is not None:
            status = self._child.poll()
            if status is None:
                return 0
            self._child = None
            if status != 0:
                _log.error("the bundling process failed", status=status)
                self._not_before = time.monotonic() + _PAUSE_SECONDS
        if time.monotonic() >= self._not_before and self._is_work_waiting():
            self._child = subprocess.Popen(
                [sys.executable, "-m", "api.review.bundling"],
                env=environment(self._service.settings),
                stdin=subprocess.DEVNULL,
            )
        return 0

    def close(self) -> None:
        """Ends the process, if one runs; its job stays unfinished."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            self._child.wait()

    def _is_work_waiting(self) -> bool:
        with looking(self._service) as database:
            return repository.is_work_waiting(database, self._service.clock())


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process the same settings, without the relayer's key."""
    given = {
        "RPC_URL": str(settings.rpc_url),
        "DEPLOYMENT": str(settings.deployment.absolute()),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "PUBLIC_URL": str(settings.public_url),
        "BUNDLE_FOLDER": str(settings.bundle_folder.absolute()),
        "BUNDLE_DAYS": str(settings.bundle_days),
        "MAX_BUNDLE_BYTES": str(settings.max_bundle_bytes),
        **({"IPFS": settings.ipfs} if settings.ipfs is not None else {}),
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
    return others | {f"{_PREFIX}{name}": value for name, value in given.items()}
