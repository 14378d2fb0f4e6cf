"""Small durable files: SQLite, one transaction at a time, on disk before it returns."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

# How long a process waits for another one's transaction on the same file, in seconds.
_BUSY_TIMEOUT = 60.0


class SqliteFileUnusable(Exception):
    """SQLite refuses a file. The message names it and says what to do."""


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """One exclusive transaction; rolled back when the block raises. The file is made 0600.

    Raises:
        SqliteFileUnusable: it is damaged, its disk is full, or another program keeps it locked.
    """
    if not path.exists():
        path.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)) as opened:
            opened.execute("PRAGMA synchronous = FULL")
            opened.execute("BEGIN IMMEDIATE")
            try:
                yield opened
                opened.execute("COMMIT")
            except BaseException:
                if opened.in_transaction:  # a full disk has rolled back already
                    opened.execute("ROLLBACK")
                raise
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a defect of ours, and not of the file
    except sqlite3.DatabaseError as error:
        raise SqliteFileUnusable(
            f"{path} cannot be used ({error}): if its disk is full, make room; if another program"
            " keeps it locked, end that; if it is damaged, restore a backup"
        ) from error
