"""Small durable files: SQLite, one transaction at a time, on disk before it returns."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

# How long a process waits for another one's transaction on the same file, in seconds.
_BUSY_TIMEOUT = 60.0


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """One exclusive transaction; rolled back when the block raises. The file is made 0600."""
    if not path.exists():
        path.touch(mode=0o600)
    with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
