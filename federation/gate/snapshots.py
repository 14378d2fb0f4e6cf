"""What a replay of a round will need, in the journal: pieces whose form the app alone knows.

What was read of a record is a piece of its own, so that it can be erased with its patient's
erasure; of which record is written in its name, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from chain.light_dataclass import light_dataclass
from federation.gate.journal import Journal
from federation.gate.journal_schema import Attempt, snapshot_prefix

#: Why a round cannot be replayed any more whose snapshot lacks a record that a patient had erased.
ERASED = "a record was erased at its patient's request"

_FRAME, _RECORD, _ERASED = "frame", "record", "erased"


@light_dataclass(frozen=True)
class KeptSnapshot:
    """`frame`: what is of no record alone; `records`: by token index; `erased`: whether a record
    was taken out at its patient's request.
    """

    frame: bytes
    records: dict[int, bytes]
    erased: bool


class Snapshots:
    """The snapshots in a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._database = journal, journal.database

    def save(
        self, attempt: Attempt, frame: bytes, records: Mapping[int, tuple[str, bytes]]
    ) -> None:
        """Keeps an attempt's snapshot, all of it or nothing; do this before its commitment is sent.

        A process that died and came back keeps what it has read now: its sum was the same, or it
        would have another attempt.

        Args:
            records: by token index, a record's id and what was read of it.

        Raises:
            RoundEnded: the round was abandoned or its replay window is over.
        """
        key, prefix = (attempt.study_id, attempt.round_number), _prefix(attempt)
        rows = [(f"{prefix}{_FRAME}", frame)]
        for index, (record_id, data) in records.items():
            rows.append((f"{prefix}{_RECORD}.{index}.{record_id.encode().hex()}", data))
        with self._database.transaction() as connection:
            self._journal.refuse_ended(connection, key)
            connection.execute(
                "DELETE FROM snapshots WHERE study=? AND round=? AND name LIKE ?",
                (*key, f"{prefix}%"),
            )
            connection.executemany(
                "INSERT INTO snapshots VALUES (?, ?, ?, ?)",
                [(*key, name, data) for name, data in rows],
            )

    def load(self, attempt: Attempt) -> KeptSnapshot | None:
        """The snapshot of an attempt; None when none is kept."""
        prefix = _prefix(attempt)
        rows = {
            str(row["name"])[len(prefix) :]: bytes(row["data"])
            for row in self._database.rows(
                "SELECT name, data FROM snapshots WHERE study=? AND round=? AND name LIKE ?",
                attempt.study_id,
                attempt.round_number,
                f"{prefix}%",
            )
        }
        records = {
            int(name.split(".")[1]): data
            for name, data in rows.items()
            if name.startswith(f"{_RECORD}.")
        }
        if _FRAME not in rows:
            return None
        return KeptSnapshot(rows[_FRAME], records, _ERASED in rows)

    def rounds(self) -> dict[tuple[int, int], bool]:
        """(study, round) of what is kept, and whether a record was erased from it."""
        found: dict[tuple[int, int], bool] = {}
        for row in self._database.rows("SELECT study, round, name FROM snapshots"):
            key = (int(row["study"]), int(row["round"]))
            found[key] = found.get(key, False) or str(row["name"]).endswith(f".{_ERASED}")
        return found

    def record_ids(self) -> set[str]:
        """The records of which something is kept."""
        rows = self._database.rows("SELECT name FROM snapshots WHERE name LIKE ?", f"%.{_RECORD}.%")
        return {bytes.fromhex(str(row["name"]).rpartition(".")[2]).decode() for row in rows}

    def forget_record(self, record_id: str) -> None:
        """Takes a record out of every snapshot, for good; each says from then on that it lacks one.

        May be repeated.
        """
        pattern = f"%.{_RECORD}.%.{record_id.encode().hex()}"
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT study, round, name FROM snapshots WHERE name LIKE ?", (pattern,)
            ).fetchall()
            for row in found:
                prefix = str(row["name"]).partition(_RECORD)[0]
                connection.execute(
                    "INSERT INTO snapshots VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (row["study"], row["round"], f"{prefix}{_ERASED}", b""),
                )
            connection.execute("DELETE FROM snapshots WHERE name LIKE ?", (pattern,))
        self._database.forget_old_pages()


def _prefix(attempt: Attempt) -> str:
    return snapshot_prefix(attempt.attempt, attempt.draw_number)
