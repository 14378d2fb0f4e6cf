"""A short look into the database, given back before anything slow is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from api.blocks import BlockShown
from api.index import repository
from api.index.as_of import NothingIndexed
from api.service import Service


@contextmanager
def looking(service: Service) -> Iterator[Session]:
    """A reading session of its own."""
    with service.sessions() as database:
        database.connection(execution_options={"reads_only": True})
        yield database


def newest_indexed(database: Session) -> BlockShown:
    """How far the index has come. Raises NothingIndexed."""
    block = repository.newest_block(database)
    if block is None:
        raise NothingIndexed(headers={"Retry-After": "5"})
    return BlockShown.of(block)
