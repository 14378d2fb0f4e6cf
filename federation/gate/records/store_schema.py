"""The record store's tables, and how a store of an earlier version is brought up to date."""

from __future__ import annotations

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x41535354  # "ASST", SQLite's mark of whose file this is
SCHEMA_VERSION: Final = 2

_DOSES: Final = """
CREATE TABLE dose (
    id TEXT PRIMARY KEY, state INTEGER NOT NULL,
    updated_us INTEGER NOT NULL, version INTEGER NOT NULL, removed INTEGER NOT NULL,
    record_id TEXT, code TEXT, time_us INTEGER, stop_us INTEGER,
    value REAL, source_value REAL, source_unit TEXT,
    source_id INTEGER NOT NULL REFERENCES source, line INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dose_of_record ON dose (record_id, time_us);
"""

SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE site (hash_key BLOB NOT NULL);
CREATE TABLE source (source_id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE);
CREATE TABLE patient (
    id TEXT PRIMARY KEY, state INTEGER NOT NULL,
    updated_us INTEGER NOT NULL, version INTEGER NOT NULL, removed INTEGER NOT NULL,
    birth_date TEXT, birth_us INTEGER, gender TEXT,
    source_id INTEGER NOT NULL REFERENCES source, line INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE observation (
    id TEXT PRIMARY KEY, state INTEGER NOT NULL,
    updated_us INTEGER NOT NULL, version INTEGER NOT NULL, removed INTEGER NOT NULL,
    record_id TEXT, loinc TEXT, time_us INTEGER, value REAL, source_value REAL, source_unit TEXT,
    source_id INTEGER NOT NULL REFERENCES source, line INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX observation_of_record ON observation (record_id, time_us);
{_DOSES}"""

_UPGRADES: Final = {1: _DOSES}
"""By the version they start from; each leads to the next, and keeps all that was stored."""


def upgrade(db: sqlite3.Connection, version: int) -> int:
    """Bring an older store up to date in one transaction; returns the version it then has.

    A version that no upgrade starts from is returned as it is.
    """
    if version not in _UPGRADES:
        return version
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        (version,) = db.execute("PRAGMA user_version").fetchone()
        while version in _UPGRADES:
            for statement in _UPGRADES[version].split(";"):
                db.execute(statement)
            version += 1
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
    return version
