"""Engines that keep what they were told, on either database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from api.database.turns import TurnTaker, turn_takers

_BUSY_SECONDS = 30.0


def make_engine(url: str, pool_size: int = 10) -> Engine:
    """An engine for `sqlite:///PATH` or `postgresql+psycopg://...`.

    An SQLite file is made with mode 0600, in WAL mode, and a transaction that writes takes the
    write lock when it begins, so that it never fails half way because somebody else wrote. What
    was committed outlasts a loss of power: SQLite and PostgreSQL answer only once it is on disk,
    whatever the server's `synchronous_commit` says (its `fsync` is for whoever runs it).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        server = create_engine(
            parsed, pool_size=pool_size, pool_pre_ping=True, connect_args={"connect_timeout": 5}
        )
        event.listen(server, "connect", _prepare_postgresql)
        return server
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError("the service keeps what it is told: name a file, sqlite:///PATH")
    path = Path(parsed.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(
        parsed,
        poolclass=QueuePool,
        pool_size=pool_size,
        connect_args={"timeout": _BUSY_SECONDS, "factory": turn_takers()},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by its own rules; `_begin_sqlite` does.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    if connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":
        connection.execute("SET synchronous_commit = on")
    connection.commit()


def _begin_sqlite(connection: Any) -> None:
    if connection.get_execution_options().get("reads_only", False):
        connection.exec_driver_sql("BEGIN")
        return
    taker: TurnTaker = connection.connection.dbapi_connection
    taker.take_turn(_BUSY_SECONDS)
    try:
        # The engine's own statement is refused in its own words.
        taker.begin_writing(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    except BaseException:
        taker.give_turn()
        raise
