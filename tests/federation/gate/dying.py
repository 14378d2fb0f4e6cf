"""A life in a child process that ends before a chosen statement of SQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable


def dies_at(statement: int, live: Callable[[], None]) -> bool:
    """Live in a child that exits before its SQL statement with this number; False if done."""
    child = os.fork()
    if child == 0:
        seen, connect = 0, sqlite3.connect

        def count(_sql: str) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                os._exit(9)

        def connect_and_count(*args: object, **kwargs: object) -> sqlite3.Connection:
            connection = connect(*args, **kwargs)
            connection.set_trace_callback(count)
            return connection

        sqlite3.connect = connect_and_count
        try:
            live()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9
