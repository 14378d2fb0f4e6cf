"""A SQLite file that only the site's user can read and that keeps what it has confirmed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from federation.gate.private_files import (
    PrivateFileUnsafe,
    leave_no_core,
    require_private_file,
    write_private_file,
)
from federation.gate.sqlite_words import in_words

_WAIT_SECONDS = 30.0


class DatabaseUnusable(Exception):
    """A site database is damaged, cannot be written, or is of another kind or version.

    The message names it and says what to do.
    """


class PrivateDatabase:
    """One connection to a private SQLite database: WAL, synchronous FULL, deleted bytes zeroed.

    It belongs to the thread and the process that opened it: its methods refuse all others, and so
    do the `SiteKeys` and `Journal` that stand on it. Each thread opens its own.

    Args:
        path: the file; made with mode 0600 when absent.
        schema: SQL statements that make an empty database into this kind.
        kind: a number for the kind and version of the schema, kept in the file.
        upgrades: SQL statements that make a database of an earlier kind into this one, by kind.

    Raises:
        PrivateFileUnsafe: the file is open to others, a link, or another user's.
        DatabaseUnusable: it is damaged or of another kind.
    """

    def __init__(
        self, path: Path, schema: str, kind: int, upgrades: Mapping[int, str] | None = None
    ) -> None:
        self.path = path
        self._process, self._thread = os.getpid(), threading.get_ident()
        leave_no_core()
        if not os.path.lexists(path):  # a dangling link must be refused, not followed
            with _ignore_race():
                write_private_file(path, b"")
        require_private_file(path)
        self.connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            self._configure(schema, kind, upgrades or {})
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise DatabaseUnusable(in_words(path, error)) from error
        except DatabaseUnusable:
            self.connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, alone among writers, durable when the block ends.

        Raises:
            DatabaseUnusable: its disk is full, or another program keeps it locked.
        """
        self._check_owner()
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # a full disk has rolled back already
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise DatabaseUnusable(in_words(self.path, error)) from error

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Every row that a query gives."""
        self._check_owner()
        with closing(self.connection.execute(query, values)) as cursor:
            return cursor.fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """The first row that a query gives, if any."""
        rows = self.rows(query, *values)
        return rows[0] if rows else None

    def forget_old_pages(self) -> None:
        """After a deletion: empty the write-ahead log, which still holds what was deleted.

        What remains on the medium below the file system is beyond this process.
        """
        self._check_owner()
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._check_thread()
        self.connection.close()

    def _configure(self, schema: str, kind: int, upgrades: Mapping[int, str]) -> None:
        execute = self.connection.execute
        self.connection.row_factory = sqlite3.Row
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA secure_delete = ON")
        execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            found = execute("PRAGMA user_version").fetchone()[0]
            empty = found == 0 and not execute("SELECT 1 FROM sqlite_master").fetchone()
            statements = schema if empty else upgrades.get(found)
            if statements is not None:
                for statement in filter(str.strip, statements.split(";")):
                    execute(statement)
                execute(f"PRAGMA user_version = {kind:d}")
            elif found != kind:
                raise DatabaseUnusable(
                    f"{self.path} is of kind {found}; this program needs {kind}. Use the release"
                    " that made it, or restore a backup that fits"
                )

    def _check_owner(self) -> None:
        # SQLite forbids a connection across a fork: locks are lost and the file can be damaged.
        if os.getpid() != self._process:
            raise DatabaseUnusable(f"{self.path} was opened before a fork; open it after the fork")
        self._check_thread()

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise DatabaseUnusable(
                f"{self.path} was opened in another thread; open SiteKeys and Journal in"
                " the thread that uses them"
            )


@contextmanager
def _ignore_race() -> Iterator[None]:
    """Another process may make the same database at the same moment."""
    try:
        yield
    except FileExistsError:
        return
    except PermissionError as error:
        raise PrivateFileUnsafe(f"no file can be made here: {error}") from error
