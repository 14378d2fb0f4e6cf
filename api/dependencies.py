"""What endpoints ask for, by type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.service import Service
from chain.chain import Chain

# What does not wait for anything is `async`: FastAPI hands everything else to a thread, which costs
# more than most requests' own work.


async def service_of(request: Request) -> Service:
    """The service that the app was made with."""
    return cast(Service, request.app.state.service)


ServiceOf = Annotated[Service, Depends(service_of)]


def _transaction(service: ServiceOf) -> Iterator[Session]:
    with service.sessions.begin() as session:
        yield session


def reading(service: ServiceOf) -> Iterator[Session]:
    """A database session that writes nothing and sees one moment."""
    options: dict[str, Any] = {"reads_only": True}
    if service.engine.dialect.name == "postgresql":
        # As SQLite reads anyway: all of an answer is of one moment, the one that it names.
        options["isolation_level"] = "REPEATABLE READ"
    with service.sessions() as session:
        session.connection(execution_options=options)
        yield session


#: One request, one transaction: committed before the answer is sent, rolled back on any problem.
Transaction = Annotated[Session, Depends(_transaction, scope="function")]
#: For requests that only read.
Database = Annotated[Session, Depends(reading, scope="function")]


async def _chain(service: ServiceOf) -> Chain:
    known = service.node.connected
    return await run_in_threadpool(service.node.chain) if known is None else known


#: The chain, for reading.
ChainOf = Annotated[Chain, Depends(_chain)]
