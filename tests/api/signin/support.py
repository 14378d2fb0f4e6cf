"""What tests of sign-in share beside fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.service import Service
from api.settings import Settings
from api.signin.caller import Caller, CallerOf, MaybeCallerOf, requires
from api.signin.scopes import Scope
from tests.world import World

ORIGIN = "http://localhost:8800"
PAGE_ORIGIN = "https://app.example.org"
#: What a browser sends along from a page of the service.
OWN = {"Origin": ORIGIN}
BOTH = pytest.mark.parametrize("running", ["sqlite", "postgresql"], indirect=True)


class MovedClock:
    """Our clock, as many minutes later as a test says."""

    def __init__(self) -> None:
        self.later = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.later

    def pass_minutes(self, minutes: float) -> None:
        self.later += timedelta(minutes=minutes)


@dataclass(frozen=True)
class Running:
    """One application for many tests; each has people of its own."""

    client: TestClient
    service: Service
    clock: MovedClock
    folder: Path


@contextmanager
def running_service(world: World, folder: Path, database_url: str) -> Iterator[Running]:
    """The service, with three operations more: `/who`, `/perhaps` and `/writes`."""
    world.deployment.save(folder / "deployment.json")
    settings = Settings(
        rpc_url=world.rpc_url,  # type: ignore[arg-type]
        deployment=folder / "deployment.json",
        database_url=SecretStr(database_url),
        public_url=ORIGIN,  # type: ignore[arg-type]
        cors_origins=(PAGE_ORIGIN,),
        requests_per_minute=100_000,
    )
    clock = MovedClock()
    service = Service.start(settings, clock)
    app = create_app(service)
    app.get("/who")(_who)
    app.get("/perhaps")(_who_perhaps)
    app.post("/writes")(_writes)
    with TestClient(app, base_url=ORIGIN) as client:
        yield Running(client, service, clock, folder)


def _who(caller: CallerOf) -> str:
    return caller.address


def _who_perhaps(caller: MaybeCallerOf) -> str | None:
    return None if caller is None else caller.address


def _writes(caller: Annotated[Caller, Depends(requires(Scope.CONSENT_WRITE))]) -> str:
    return caller.address
