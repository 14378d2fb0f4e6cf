"""One study for a module; a fresh database and a fresh relayer's account for each test."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.outbox.relayer import Relayer
from api.outbox.starting import start_relayer
from api.service import Service
from api.settings import Settings
from chain.blocks import Finality
from tests.api.outbox.acts import Outbox, Patients, browser, funded_key
from tests.api.outbox.rpc_gate import RpcGate
from tests.world import World


@pytest.fixture(scope="module")
def patients(module_world: World) -> Patients:
    return Patients(module_world, module_world.approved_study())


@pytest.fixture
def gate(module_world: World) -> Iterator[RpcGate]:
    found = RpcGate(module_world.rpc_url)
    yield found
    found.close()


@pytest.fixture
def make_outbox(
    patients: Patients, gate: RpcGate, tmp_path: Path
) -> Iterator[Callable[..., Outbox]]:
    """Makes the outbox of a test on one database; `confirmations` is the chain's profile."""
    services: list[Service] = []

    def make(database_url: str, confirmations: int = 0, **changes: object) -> Outbox:
        deployment = tmp_path / "deployment.json"
        dataclasses.replace(patients.world.deployment, finality=Finality(confirmations)).save(
            deployment
        )
        key_file = tmp_path / "relayer.key"
        key = funded_key(patients.world, key_file)
        settings = Settings(
            rpc_url=gate.url,
            deployment=deployment,
            database_url=SecretStr(database_url),
            relayer_key=key_file,
            **changes,
        )
        services.append(Service.start(settings))
        return Outbox(services[-1], key, patients)

    yield make
    for service in services:
        service.close()


@pytest.fixture
def outbox(make_outbox: Callable[..., Outbox], tmp_path: Path) -> Outbox:
    """On SQLite."""
    return make_outbox(f"sqlite:///{tmp_path / 'api.db'}")


@pytest.fixture
def client(outbox: Outbox) -> Iterator[TestClient]:
    with browser(outbox.service) as found:
        yield found


@pytest.fixture
def relayer(outbox: Outbox) -> Relayer:
    found = start_relayer(outbox.service)
    assert found is not None
    return found
