"""The newest round that this site's gate let an app in for, and whose base it has recomputed.

The gate decides before an app is loaded, and a round may end and another open while it is: an app
takes part in the round that was checked and in no other. Beside the round stands until when its
delivery cannot be late, so that nobody has to ask the site's node before.
"""

from __future__ import annotations

import json
from pathlib import Path

_FILE = "checked-round.json"


class RoundNotChecked(Exception):
    """The gate has not checked the base of the round that an order names."""


def note_checked(folder: Path, study_id: int, number: int, quiet_until: int = 0) -> None:
    """Writes down, in the site's folder, that the gate has checked the base of a round.

    Args:
        quiet_until: seconds since 1970 by this machine's clock; before it the round's delivery need
            not go on record, as the chain's time stands to that clock now.
    """
    temporary = folder / f"{_FILE}.part"
    temporary.touch(mode=0o600)
    note = {"study": study_id, "round": number, "quiet_until": quiet_until}
    temporary.write_text(json.dumps(note))
    temporary.replace(folder / _FILE)


def checked_round(folder: Path, study_id: int) -> int:
    """The round that `note_checked` wrote down last; 0 for none of this study, or not readable."""
    return _noted(folder, study_id, "round")


def quiet_until(folder: Path, study_id: int) -> int:
    """What `note_checked` was told with that round; 0 when it was not, or is not readable."""
    return _noted(folder, study_id, "quiet_until")


def _noted(folder: Path, study_id: int, name: str) -> int:
    try:
        kept = json.loads((folder / _FILE).read_text())
        return int(kept[name]) if kept["study"] == study_id else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def require_checked(folder: Path, study_id: int, number: int) -> None:
    """Refuses any round but the one that the gate checked for this app.

    Raises:
        RoundNotChecked
    """
    checked = checked_round(folder, study_id)
    if checked != number:
        raise RoundNotChecked(
            f"the gate has checked round {checked} of study {study_id}, and the order names round"
            f" {number}; the coordinator orders it again once it is open"
        )
