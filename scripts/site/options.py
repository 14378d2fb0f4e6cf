"""What several `assent site` commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.console import BadInput

Folder = Annotated[Path, typer.Argument(help="The site's folder.", metavar="FOLDER")]
Timeout = Annotated[float, typer.Option(min=1.0, help="Seconds that one question may take.")]


def open_folder(folder: Path) -> Path:
    """The site folder's absolute path, once it is known to be one and closed to others."""
    from federation.gate.site_folder import require_site_folder

    return require_site_folder(folder)


def existing_file(path: Path, what: str) -> Path:
    """The absolute path of a file that the user named."""
    if not path.is_file():
        raise BadInput(f"{what}: {path} is no file")
    return path.absolute()
