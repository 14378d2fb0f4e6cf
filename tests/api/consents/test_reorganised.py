"""A consent that a reorganisation took back hides no other."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.index.indexer import Indexer
from api.service import Service
from tests.api.forks import go_back, snapshot
from tests.api.people import signed_in
from tests.world import World


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_ones_other_consents_are_listed_before_the_index_has_heard_of_it(
    client: TestClient, service: Service, world: World, tmp_path: Path
) -> None:
    study, holder = world.approved_study(), world.accounts[20]
    kept = world.give_consent(study, world.sites[0], holder)
    fork = snapshot(world)
    gone = world.give_consent(study, world.sites[1], holder)
    Indexer(service).run_once()
    who = signed_in(client, holder)
    listed = client.get("/v1/consents", headers=who).json()["items"]
    assert {one["token_id"] for one in listed} == {str(kept), str(gone)}
    go_back(world, fork, tmp_path / "after")
    listed = client.get("/v1/consents", headers=who).json()["items"]
    assert [one["token_id"] for one in listed] == [str(kept)]
    assert client.get(f"/v1/consents/{gone}", headers=who).status_code == 404
