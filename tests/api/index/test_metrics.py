"""Who watches the service sees how far its index is, and sends nobody to one that is behind."""

import pytest
from fastapi.testclient import TestClient

from api.index.indexer import Indexer
from api.service import Service
from tests.api.forks import mine
from tests.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def shown(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    found = (line.split(" ") for line in lines if line.startswith("assent_index_"))
    return {name: float(value) for name, value in found}


def test_the_lag_is_measured_and_decides_whether_the_service_is_ready(
    client: TestClient, service: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine(world, service.settings.max_lag_blocks + 1)
    behind = shown(client)
    assert "assent_index_block" not in behind
    assert behind["assent_index_lag_blocks"] > service.settings.max_lag_blocks
    assert client.get("/readyz").status_code == 503

    Indexer(service).run_once()
    head = world.chain().head().number
    assert shown(client) == {"assent_index_block": head, "assent_index_lag_blocks": 0}
    assert client.get("/readyz").status_code == 200

    monkeypatch.setattr(service.node, "rpc_url", "http://127.0.0.1:1")
    monkeypatch.setattr(service.node, "connected", None)
    assert shown(client) == {"assent_index_block": head}
