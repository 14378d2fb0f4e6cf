"""What a reader of a bundle knows of the study: its contracts and its number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import LAST_STUDY
from scripts.deployment_file import read_deployment

if TYPE_CHECKING:
    from audit.manifest import Contracts

KnownStudy = Annotated[
    int | None,
    typer.Option(
        "--study",
        min=1,
        max=LAST_STUDY,
        metavar="NUMBER",
        help="The number of the study that you ask about: anybody may propose another in the same"
        " contracts. Without it the bundle's own word says which it is of.",
    ),
]


def known_contracts(deployment: Path) -> Contracts:
    """Those of a deployment file. Raises BadInput."""
    from audit.manifest import Contracts

    known = read_deployment(deployment)
    return Contracts(known.chain_id, known.registry, known.consent_token, known.ledger)
