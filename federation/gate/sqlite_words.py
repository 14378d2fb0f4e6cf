"""What SQLite's refusal of a site's file means, and what to do about it."""

import shutil
import sqlite3
from pathlib import Path

# What SQLite takes for a write-ahead log's index before it has written anything, in bytes. Where
# there is no room for that it says "disk I/O error".
_LEAST_ROOM = 32 * 1024
_PRIMARY = 0xFF  # the part of a result code that https://www.sqlite.org/rescode.html calls primary


def in_words(path: Path, error: sqlite3.DatabaseError) -> str:
    """Names the file and says what to do; `error` is one that SQLite itself has raised."""
    code, name = error.sqlite_errorcode & _PRIMARY, error.sqlite_errorname
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"{path} is damaged ({name}); restore a backup"
    full = code == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < _LEAST_ROOM
    if full or code == sqlite3.SQLITE_FULL:
        return (
            f"{path} cannot be written: its disk is full. Nothing in it is lost; make room (never"
            " remove a .db file), then try again"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"{path} is kept locked by another program; end it or wait, then try again"
    return (
        f"{path} cannot be read or written: {error} ({name}); look at its disk, and at who may"
        " write there"
    )
