"""The option by which commands reach the service, and who they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import BadInput

if TYPE_CHECKING:
    from study.service_client import ServiceClient

Api = Annotated[
    str,
    typer.Option(
        "--api", metavar="URL", envvar="ASSENT_API", help="The study's service, https://HOST."
    ),
]
OptionalApi = Annotated[
    str | None,
    typer.Option(
        "--api", metavar="URL", envvar="ASSENT_API", help="The study's service, for --code."
    ),
]


def open_service(url: str) -> ServiceClient:
    """The service at an address, to be closed. Raises BadInput."""
    from study.service_client import ServiceClient

    try:
        return ServiceClient(url)
    except ValueError as error:
        raise BadInput(f"--api: {error}") from None
