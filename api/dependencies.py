"""What endpoints ask for, by type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.service import Service
from chain.chain import Chain


def service_of(request: Request) -> Service:
    """The service that the app was made with."""
    return cast(Service, request.app.state.service)


ServiceOf = Annotated[Service, Depends(service_of)]


def _transaction(service: ServiceOf) -> Iterator[Session]:
    with service.sessions.begin() as session:
        yield session


def _reading(service: ServiceOf) -> Iterator[Session]:
    with service.sessions() as session:
        session.connection(execution_options={"reads_only": True})
        yield session


#: One request, one transaction: committed before the answer is sent, rolled back on any problem.
Transaction = Annotated[Session, Depends(_transaction, scope="function")]
#: For requests that only read.
Database = Annotated[Session, Depends(_reading, scope="function")]


def _chain(service: ServiceOf) -> Chain:
    return service.node.chain()


#: The chain, for reading.
ChainOf = Annotated[Chain, Depends(_chain)]
