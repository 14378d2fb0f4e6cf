"""Brings a database to the schema of this installation (Alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

_FOLDER = Path(__file__).with_name("migrations")


class DatabaseNewer(Exception):
    """The database was written by a newer installation; the message says what to do."""


def migrate(engine: Engine) -> None:
    """Applies what is missing. Safe to repeat, and from several processes on PostgreSQL.

    Raises:
        DatabaseNewer: the database has a revision that this installation does not know.
    """
    config = alembic_config()
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7363735)")
        found = set(MigrationContext.configure(connection).get_current_heads())
        if not found <= known:
            raise DatabaseNewer(
                f"the database has schema {', '.join(sorted(found - known))}, which this"
                " installation does not know; install the newer version, or restore a backup"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def alembic_config() -> Config:
    """Alembic's configuration; it needs no file."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    return config
