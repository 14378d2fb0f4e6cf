"""The contracts that a reader of a bundle knows the study to live in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.deployment_file import read_deployment

if TYPE_CHECKING:
    from audit.manifest import Contracts


def known_contracts(deployment: Path) -> Contracts:
    """Those of a deployment file. Raises BadInput."""
    from audit.manifest import Contracts

    known = read_deployment(deployment)
    return Contracts(known.chain_id, known.registry, known.consent_token, known.ledger)
