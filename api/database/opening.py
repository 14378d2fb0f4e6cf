"""Opens a process's database, or says in a line why that cannot be."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from api.database.engine import make_engine
from api.database.migrate import DatabaseNewer, migrate


class DatabaseUnusable(Exception):
    """The database cannot be opened; the message says what to do, and no password."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"its database cannot be used: {reason}\n"
            "`--database FILE` or ASSENT_API_DATABASE_URL names it."
        )


def open_database(url: str) -> Engine:
    """The database of a URL (`make_engine`), at this installation's schema.

    Raises:
        DatabaseUnusable
    """
    try:
        return _opened(url)
    except (DatabaseNewer, OSError) as error:
        raise DatabaseUnusable(str(error)) from error
    except DBAPIError as error:
        # The driver's own words: SQLAlchemy's are the statement and a page of its manual.
        raise DatabaseUnusable(str(error.orig).strip()) from error
    except SQLAlchemyError as error:
        raise DatabaseUnusable(str(error)) from error
    except ValueError as error:
        # Its text may hold a piece of a password that was taken for a port.
        raise DatabaseUnusable(
            "its URL cannot be read; the service keeps what it is told, so SQLite needs a file, and"
            " special characters of a password are written as %XX"
        ) from error


def _opened(url: str) -> Engine:
    engine = make_engine(url)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine
