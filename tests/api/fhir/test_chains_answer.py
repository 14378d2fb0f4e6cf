"""Whether a consent is active is what the contract says, and each turn of it is a version."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.fhir.naming import id_of_token
from api.index.indexer import Indexer
from api.service import Service
from tests.api.fhir.conftest import client_of, indexed
from tests.api.fhir.r4 import resources_of, valid
from tests.api.people import signed_in
from tests.audit.acts import resume
from tests.world import World


@dataclass
class Place:
    """A service of these tests' own, whose index they move."""

    world: World
    service: Service
    client: TestClient

    def read(self, token: int, headers: dict[str, str]) -> dict[str, Any]:
        """The Consent once everything is indexed."""
        Indexer(self.service).run_once()
        answer = self.client.get(f"/fhir/Consent/{id_of_token(token)}", headers=headers)
        assert answer.status_code == 200, answer.text
        return valid(answer.json())


@pytest.fixture(scope="module")
def place(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("answers")
    service = indexed(module_world, folder, f"sqlite:///{folder / 'api.db'}")
    with client_of(service) as client:
        yield Place(module_world, service, client)


def test_a_suspension_ends_and_a_resumption_restores_what_a_consent_permits(place: Place) -> None:
    world, holder = place.world, place.world.accounts[20]
    study = world.approved_study()
    token = world.give_consent(study, world.sites[0], holder)
    headers = signed_in(place.client, holder)

    def told(active: bool, version: str) -> None:
        found = place.read(token, headers)
        consent, terms = world.chain().consent, world.chain().registry.terms(study, 1)
        assert consent.is_consent_active(token, terms.purposes, world.now) == active
        assert found["status"] == ("active" if active else "inactive")
        assert found["meta"]["versionId"] == version

    told(active=True, version="1")
    world.chain(world.reviewers[0]).registry.suspend(study)
    told(active=False, version="2")
    resume(world, study, world.reviewers[:2])
    told(active=True, version="3")
    world.revoke(token, holder)
    told(active=False, version="4")
    path = f"/fhir/Consent/{id_of_token(token)}/_history"
    history = valid(place.client.get(path, headers=headers).json())
    statuses = [one["status"] for one in resources_of(history)]
    assert statuses == ["inactive", "active", "inactive", "active"]


def test_a_consent_whose_use_has_not_begun_is_inactive(place: Place) -> None:
    world, holder = place.world, place.world.accounts[21]
    study = world.approved_study()
    begins = world.now + 10**6
    token = world.give_consent(study, world.sites[0], holder, use_start=begins)
    found = place.read(token, signed_in(place.client, holder))
    assert found["status"] == "inactive"
    assert found["provision"]["type"] == "permit"
