"""The journal of signed transactions: written before a transaction is sent, so a crash loses none.

One journal holds one account's transactions; nobody else may sign with that account. A row keeps
the exact bytes that were, or are to be, sent: after a crash the same bytes are sent again, which
can never spend twice.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from chain.light_dataclass import light_dataclass
from chain.sqlite_file import transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS transactions (
    genesis BLOB NOT NULL,
    account TEXT NOT NULL,
    nonce INTEGER NOT NULL,
    tx_hash BLOB NOT NULL,
    raw BLOB NOT NULL,
    block_number INTEGER,
    block_hash BLOB,
    PRIMARY KEY (genesis, account, nonce)
)
"""
_COLUMNS = "nonce, tx_hash, raw, block_number, block_hash"


@light_dataclass(frozen=True)
class Entry:
    """One signed transaction; block number and hash are None until it is known to be mined."""

    nonce: int
    tx_hash: bytes
    raw: bytes
    block_number: int | None = None
    block_hash: bytes | None = None


class Journal:
    """The entries of one account on one chain (its genesis hash, 32 bytes), in an SQLite file."""

    def __init__(self, path: Path, genesis_hash: bytes, account: str) -> None:
        self._path, self._key = path, (genesis_hash, account)
        with transaction(path) as database:
            database.execute(_SCHEMA)

    def append(self, chain_nonce: int, sign: Callable[[int], Entry]) -> Entry:
        """Takes the next nonce, has the transaction signed and writes it, in one step.

        The nonce is the one after the newest entry, or `chain_nonce` when that is higher.
        """
        with transaction(self._path) as database:
            newest = self._newest(database)
            nonce = chain_nonce if newest is None else max(chain_nonce, newest.nonce + 1)
            entry = sign(nonce)
            database.execute(
                "INSERT INTO transactions (genesis, account, nonce, tx_hash, raw)"
                " VALUES (?, ?, ?, ?, ?)",
                (*self._key, entry.nonce, entry.tx_hash, entry.raw),
            )
        return entry

    def mark_mined(self, nonce: int, block_number: int, block_hash: bytes) -> None:
        """Notes where an entry's transaction is."""
        with transaction(self._path) as database:
            database.execute(
                "UPDATE transactions SET block_number = ?, block_hash = ?"
                " WHERE genesis = ? AND account = ? AND nonce = ?",
                (block_number, block_hash, *self._key, nonce),
            )

    def open_entries(self) -> list[Entry]:
        """Entries not known to be mined, by nonce."""
        with transaction(self._path) as database:
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM transactions"  # noqa: S608, a constant
                " WHERE genesis = ? AND account = ? AND block_number IS NULL ORDER BY nonce",
                self._key,
            ).fetchall()
        return [Entry(*row) for row in rows]

    def newest_mined(self) -> Entry | None:
        """The entry with the highest nonce among those known to be mined."""
        with transaction(self._path) as database:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM transactions"  # noqa: S608, a constant
                " WHERE genesis = ? AND account = ? AND block_number IS NOT NULL"
                " ORDER BY nonce DESC LIMIT 1",
                self._key,
            ).fetchone()
        return None if row is None else Entry(*row)

    def _newest(self, database: sqlite3.Connection) -> Entry | None:
        row = database.execute(
            f"SELECT {_COLUMNS} FROM transactions"  # noqa: S608, a constant
            " WHERE genesis = ? AND account = ? ORDER BY nonce DESC LIMIT 1",
            self._key,
        ).fetchone()
        return None if row is None else Entry(*row)
