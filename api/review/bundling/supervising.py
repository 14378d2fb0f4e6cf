"""Starts a process for bundle jobs whenever some wait; the worker runs this in a thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import structlog

from api.review.bundling import repository
from api.service import Service
from api.settings import Settings

_POLL_SECONDS = 1.0
# After a process that ended badly: its configuration will not mend itself in a second.
_PAUSE_SECONDS = 30.0
_log = structlog.get_logger("bundling")


def keep_bundling(service: Service, stop: threading.Event) -> None:
    """Until `stop` is set. A job under way is then begun anew by the next worker."""
    child: subprocess.Popen[bytes] | None = None
    pause = _POLL_SECONDS
    while not stop.wait(pause):
        pause = _POLL_SECONDS
        if child is not None:
            status = child.poll()
            if status is None:
                continue
            child = None
            if status != 0:
                _log.error("the bundling process failed", status=status)
                pause = _PAUSE_SECONDS
                continue
        if _is_work_waiting(service):
            child = subprocess.Popen(
                [sys.executable, "-m", "api.review.bundling"],
                env=environment(service.settings),
                stdin=subprocess.DEVNULL,
            )
    if child is not None and child.poll() is None:
        child.terminate()
        child.wait()


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


_PREFIX = "ASSENT_API_"


def _is_work_waiting(service: Service) -> bool:
    with service.sessions() as database:
        database.connection(execution_options={"reads_only": True})
        return repository.is_work_waiting(database)
