"""`assent serve`: the HTTP service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from scripts.console import BadInput, say, warn
from scripts.deployment_file import read_deployment

_POLL_SECONDS = 0.5


def serve(
    # The service's own settings come before those of a person's commands on the same machine.
    rpc: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar=["ASSENT_API_RPC_URL", "ASSENT_RPC"],
            help="JSON-RPC address of a chain node you trust.",
        ),
    ],
    deployment: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            envvar=["ASSENT_API_DEPLOYMENT", "ASSENT_DEPLOYMENT"],
            help="Which contracts on which chain: the deployment file.",
        ),
    ],
    ipfs: Annotated[
        str | None,
        typer.Option(
            metavar="MULTIADDR",
            envvar=["ASSENT_API_IPFS", "ASSENT_IPFS"],
            help="API of an IPFS node, for documents.",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="SQLite file (default assent-api.db here). For PostgreSQL set "
            "ASSENT_API_DATABASE_URL, which may hold a password.",
        ),
    ] = None,
    relayer_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Key file (mode 600) of the account that pays for what others sign. It belongs to "
            "this service alone. Without it the service only reads.",
        ),
    ] = None,
    webhook_key: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Key file (mode 600) under which webhooks' secrets are kept; an older one may"
            " follow while it is replaced. Without it there are no webhooks.",
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The origin that browsers use; https unless local."),
    ] = None,
    host: Annotated[
        str, typer.Option(envvar="ASSENT_API_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, envvar="ASSENT_API_PORT", help="Port to listen on.")
    ] = 8800,
    logs: Annotated[Path, typer.Option(metavar="FOLDER", help="Where logs go.")] = Path("logs"),
) -> None:
    """Serve consent and audit over HTTP, until Ctrl-C.

    Everything else is set by ASSENT_API_... variables (see docs/service.md). The OpenAPI document
    is at /openapi.json, error codes at /problems.
    """
    import os

    from api.settings import SettingsRefused, read_settings
    from stack.process import ProcessGroup
    from stack.service import ServiceProcesses

    options = {
        "RPC_URL": rpc,
        "DEPLOYMENT": str(deployment),
        "IPFS": ipfs,
        "DATABASE_URL": None if database is None else f"sqlite:///{Path(database).absolute()}",
        "RELAYER_KEY": None if relayer_key is None else str(relayer_key),
        "WEBHOOK_KEYS": ",".join(map(str, webhook_key)) if webhook_key else None,
        "PUBLIC_URL": public_url
        or os.environ.get("ASSENT_API_PUBLIC_URL", f"http://localhost:{port}"),
        "HOST": host,
        "PORT": str(port),
    }
    given = {f"ASSENT_API_{name}": value for name, value in options.items() if value is not None}
    os.environ.update(given)
    try:
        settings = read_settings()
    except SettingsRefused as error:
        raise BadInput(str(error)) from None
    _refuse_unusable(deployment, host, port)
    reached = "[::1]" if host == "::" else "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    with ProcessGroup() as group:
        warn("Starting (some seconds).")
        service = ServiceProcesses(given, logs, f"http://{reached}:{port}")
        group.start(service.web, service.worker)
        service.wait_until_answering()
        group.check()
        say(f"Serving {settings.origin}; API description: {settings.origin}/openapi.json")
        if settings.relayer_key is None:
            warn("Without --relayer-key nothing is carried to the chain: this service only reads.")
        say(f"Logs: {logs}. Ctrl-C stops it.")
        while True:
            group.check()
            time.sleep(_POLL_SECONDS)


def _refuse_unusable(deployment: Path, host: str, port: int) -> None:
    """What would end the service's processes a while after their start, said at once."""
    from scripts.local.settings import PortTaken
    from stack.ports import is_free

    read_deployment(deployment)
    # Else the program that listens there would answer for ours.
    if not is_free(port, host):
        raise PortTaken(
            f"--port: {port} of {host} is in use by another program; stop that, or name another"
        )
