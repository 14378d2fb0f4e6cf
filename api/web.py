"""The web process: `python -m api.web`, configured by the environment (`api.settings`)."""

from __future__ import annotations

import sys

import uvicorn

from api.app import create_app
from api.database.opening import DatabaseUnusable
from api.observability.logs import configure_logs
from api.service import Service
from api.settings import UNUSABLE, SettingsRefused, read_settings

# Requests under way when it is told to stop; streams end at once.
_GRACE_SECONDS = 5


def main() -> int:
    """Serves until it is told to stop; returns the exit status."""
    try:
        settings = read_settings()
    except SettingsRefused as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    configure_logs()
    try:
        service = Service.start(settings)
    except DatabaseUnusable as error:
        print(f"The service was not started: {error}", file=sys.stderr)
        return UNUSABLE
    uvicorn.run(
        create_app(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=65_536,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
