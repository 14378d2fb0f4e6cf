"""Giving up what was prepared for a commitment that the ledger can never take."""

from __future__ import annotations

from federation.gate.journal import Journal
from federation.gate.journal_schema import WIPE, Attempt, snapshot_prefix


def give_up(journal: Journal, attempt: Attempt) -> None:
    """Destroys one prepared vector, its keys, salt and snapshot, for good; may be repeated.

    Its row stays: `Journal.reserve` gives the next vector of the same attempt another draw number,
    and so other noise, another salt and another mask key.
    """
    key = (attempt.study_id, attempt.round_number)
    with journal.database.transaction() as connection:
        connection.execute(
            f"{WIPE} AND attempt=? AND draw=?", (*key, attempt.attempt, attempt.draw_number)
        )
        connection.execute(
            "DELETE FROM snapshots WHERE study=? AND round=? AND name LIKE ?",
            (*key, f"{snapshot_prefix(attempt.attempt, attempt.draw_number)}%"),
        )
    journal.database.forget_old_pages()
