"""The contracts that a reader of a bundle knows the study to live in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.deployment_file import read_deployment

if TYPE_CHECKING:
    from audit.manifest import Contracts

KnownDeployment = Annotated[
    Path | None,
    typer.Option(
        "--deployment",
        metavar="FILE",
        envvar="ASSENT_DEPLOYMENT",
        help="The deployment file that you compared with a site's. The bundle must be of its"
        " contracts; without it the bundle's own word says which they are.",
    ),
]


def known_contracts(deployment: Path | None) -> Contracts | None:
    """Those of a deployment file; None without one. Raises BadInput."""
    from audit.manifest import Contracts

    if deployment is None:
        return None
    known = read_deployment(deployment)
    return Contracts(known.chain_id, known.registry, known.consent_token, known.ledger)
