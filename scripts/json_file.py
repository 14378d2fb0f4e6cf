"""Files of JSON that a person names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.console import BadInput


def read_json(path: Path) -> Any:
    """What a file holds. Raises BadInput and OSError."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BadInput(f"{path} is not JSON") from None
