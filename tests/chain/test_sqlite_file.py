"""What a small durable file says when SQLite refuses it."""

import sqlite3
from pathlib import Path

import pytest

from chain.sqlite_file import SqliteFileUnusable, transaction


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.db"
    with transaction(path) as database:
        database.execute("CREATE TABLE kept (value BLOB PRIMARY KEY)")
        database.execute("INSERT INTO kept VALUES (x'01')")
    return path


def test_a_damaged_file_is_named_and_wants_a_backup(file: Path) -> None:
    file.write_bytes(b"not a database" * 1000)
    refused = pytest.raises(SqliteFileUnusable, match=r"small\.db .*restore a backup")
    with refused, transaction(file):
        pass


def test_a_full_disk_is_told_as_one_and_loses_nothing(file: Path) -> None:
    refused = pytest.raises(SqliteFileUnusable, match=r"small\.db .*disk is full.*make room")
    with refused, transaction(file) as database:
        database.execute("PRAGMA max_page_count = 1")
        database.execute("INSERT INTO kept VALUES (zeroblob(100000))")
    with transaction(file) as database:
        assert database.execute("SELECT value FROM kept").fetchall() == [(b"\x01",)]


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "a-folder.db"
    folder.mkdir()
    with (
        pytest.raises(SqliteFileUnusable, match=r"a-folder\.db cannot be used"),
        transaction(folder),
    ):
        pass


def test_a_mistake_of_ours_is_no_fault_of_the_file(file: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError), transaction(file) as database:
        database.execute("INSERT INTO kept VALUES (x'01')")
