"""The deployment file that a user names with --deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.console import BadInput

if TYPE_CHECKING:
    from chain.deployment import Deployment


def read_deployment(path: Path) -> Deployment:
    """Raises BadInput when it is no deployment file."""
    from chain.deployment import Deployment

    if not path.is_file():
        raise BadInput(f"--deployment: {path} is no file")
    try:
        return Deployment.load(path)
    except ValueError as error:
        raise BadInput(str(error)) from None
