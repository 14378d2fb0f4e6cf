"""The hospital's tally of records in a site's backup, wherever the site's settings keep it."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

from federation.gate.private_files import sync_folder, write_private_file
from federation.gate.record_tally import RecordTally
from federation.gate.site import RECORD_TALLY_FILE

#: Its name in a backup, when it lies outside the folder.
ARCHIVED = "hospital/record-tally.db"


def tally_of(folder: Path, at: Path | None = None) -> Path:
    """Where a folder's settings keep the tally; its usual place when they cannot be read.

    Args:
        at: where the folder will be, when that is not where it is.
    """
    try:
        named = json.loads((folder / "site.json").read_text())["record_tally"]
    except (OSError, ValueError, KeyError, TypeError):
        named = RECORD_TALLY_FILE
    return Path(os.path.normpath((at or folder) / str(named)))


def tally_outside(folder: Path) -> Path | None:
    """The tally, when it exists and a copy of the folder would lack it."""
    path = tally_of(folder)
    return path if path.is_file() and not path.is_relative_to(folder) else None


def place_tally(making: Path, folder: Path) -> Path | None:
    """Puts a restored tally in its place; gives that, or None when nothing was put anywhere.

    One that is there already stays: it is the hospital's, and knows more than the copy. A copy
    counts what was held in it for every record, for it does not know what has become of that.

    Args:
        making: the folder as restored so far; folder: where it will be.

    Raises:
        PrivateFileUnsafe, DatabaseUnusable: the tally that is there, or the copy, is unusable.
        OSError: there is no such place.
    """
    copy, target = making / ARCHIVED, tally_of(making, folder)
    if target.is_relative_to(folder):
        copy = making / target.relative_to(folder)
        if not copy.exists():
            return None
        _make_safe(copy)
        return target
    if not copy.exists():
        return None
    placed = not os.path.lexists(target)
    if placed:
        _make_safe(copy)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{os.urandom(8).hex()}.part")
        write_private_file(fresh, copy.read_bytes())
        fresh.rename(target)
        sync_folder(target.parent)
    RecordTally(target).close()
    copy.unlink()
    copy.parent.rmdir()
    return target if placed else None


def _make_safe(copy: Path) -> None:
    with closing(RecordTally(copy)) as tally:
        tally.forget_whose_holds()
