"""The web process: `python -m api.web`, configured by the environment (`api.settings`)."""

from __future__ import annotations

import sys

import uvicorn
from pydantic import ValidationError

from api.app import create_app
from api.observability.logs import configure_logs
from api.service import Service
from api.settings import Settings

UNUSABLE = 2
# Requests under way when it is told to stop; streams end at once.
_GRACE_SECONDS = 5


def main() -> int:
    """Serves until it is told to stop; returns the exit status."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        print(refusal_of_settings(error), file=sys.stderr)
        return UNUSABLE
    configure_logs()
    uvicorn.run(
        create_app(Service.start(settings)),
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


def refusal_of_settings(error: ValidationError) -> str:
    """One line for each setting that cannot be used; never its value, which may be a secret."""
    lines = []
    for one in error.errors(include_input=False, include_url=False):
        name = "_".join(str(part) for part in one["loc"])
        reason = str(one["msg"]).removeprefix("Value error, ")
        lines.append(f"ASSENT_API_{name.upper()}: {reason}" if name else reason)
    return "The service was not started.\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
