"""Where commands that read a bundle write."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.console import BadInput


def require_beside(out: Path, bundle: Path) -> None:
    """Raises BadInput for a folder that lies in the bundle, wherever links lead."""
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(bundle)):
        raise BadInput(f"{out} lies in the bundle, which holds nothing else: choose another")
