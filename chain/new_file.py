"""A new file of JSON that only its owner reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def save_new(path: Path, value: dict[str, Any]) -> None:
    """Writes JSON to a new file of mode 0600.

    Raises:
        FileExistsError
        OSError: it could not be written, on a full disk for instance; there is no file.
    """
    data = json.dumps(value, indent=2).encode() + b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except BaseException:
        path.unlink()  # half a file would be in the way of the next one
        raise
