"""One worker a database: a second one is refused until the first has ended, however it ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

# One of PostgreSQL's advisory locks of this database; any number that nothing else here uses.
_LOCK = 7363736


class AnotherWorker(Exception):
    """A worker of this database runs already."""

    def __init__(self) -> None:
        super().__init__(
            "another worker runs on this database; one account has one sender: stop that one first"
        )


class WorkerLock(Protocol):
    """Held from when it was made until `release`, or the end of the process."""

    def ensure(self) -> None:
        """Takes it again when the database let it go. Raises AnotherWorker, SQLAlchemyError."""
        ...

    def release(self) -> None: ...


def lock_worker(engine: Engine) -> WorkerLock:
    """Raises AnotherWorker, SQLAlchemyError, OSError."""
    return _FileLock(engine) if engine.dialect.name == "sqlite" else _AdvisoryLock(engine)


class _FileLock:
    """SQLite has no lock that outlasts a transaction: a file beside the database has."""

    def __init__(self, engine: Engine) -> None:
        path = f"{engine.url.database}.worker"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise AnotherWorker from None

    def ensure(self) -> None:
        """The kernel never takes it away."""

    def release(self) -> None:
        os.close(self._file)


class _AdvisoryLock:
    """Held by a connection, which the server ends with its process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self.ensure()

    def ensure(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                return
            except Exception:
                self.release()
                raise
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
            connection.close()
            raise AnotherWorker
        self._connection = connection

    def release(self) -> None:
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        # The server hears of a closed connection a little later; who comes next need not wait.
        with suppress(SQLAlchemyError):
            if not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        # Not back to the pool: should it be held still, it would stay with whoever got it next.
        connection.invalidate()
        connection.close()
