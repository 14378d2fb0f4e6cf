"""Writes of many rows past the ORM: SQLite serves nobody else while they are made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, Update, bindparam, update

from api.database.model import Base

_KEY = "key_of_row"


def values_of(row: Base) -> dict[str, Any]:
    """What was set of a row that is not kept yet, by column."""
    columns = row.__table__.columns
    return {name: value for name, value in vars(row).items() if name in columns}


def change_rows(
    connection: Connection, table: Table, key: str, changes: Sequence[dict[str, Any]]
) -> None:
    """Changes one row for each of `changes`: columns and their new values, its `key` among them.

    One statement changes the same columns of many rows.
    """
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in changes:
        named = {_KEY if name == key else name: value for name, value in change.items()}
        alike.setdefault(tuple(named), []).append(named)
    for columns, group in alike.items():
        connection.execute(_changing(table, key, columns), group)


# Built once: it would otherwise be put together anew for each change.
@lru_cache(maxsize=64)
def _changing(table: Table, key: str, columns: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in columns if name != _KEY}
    return update(table).where(table.c[key] == bindparam(_KEY)).values(values)
