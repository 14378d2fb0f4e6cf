"""A site's cohort is the contract's own answer at one block, whatever happens meanwhile."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.service import Service
from tests.api.forks import go_back, mine, snapshot
from tests.world import PURPOSES, World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_pages_are_of_one_block_and_cost_the_same_few_calls(
    client: TestClient,
    service: Service,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, site = world.approved_study(), world.sites[0]
    holders = world.accounts[20:27]
    tokens = [world.give_consent(study, site, holder) for holder in holders]
    world.revoke(tokens[2], holders[2])
    pinned = world.chain().head()
    world.revoke(tokens[0], holders[0])
    expected = world.chain().consent.all_active_tokens(
        study, site.address, PURPOSES, pinned.timestamp, block=pinned.number
    )
    asked = _count_calls(service, monkeypatch)
    url = f"/v1/studies/{study}/sites/{site.address.lower()}/cohort"

    page = client.get(url, params={"block": pinned.number, "limit": 2}).json()
    assert page["as_of"]["hash"] == "0x" + pinned.hash.hex()
    assert page["purposes"] == str(int(PURPOSES))
    assert len(asked) == 4
    found, pages = page["items"], 1
    while page["next"]:
        asked.clear()
        page = client.get(url, params={"after": page["next"], "limit": 2}).json()
        assert len(asked) == 2
        found += page["items"]
        pages += 1
    assert pages == 4
    assert [one["index"] for one in found] == expected == [0, 1, 3, 4, 5, 6]
    assert [int(one["token_id"]) for one in found] == [tokens[index] for index in expected]
    newest = client.get(url).json()
    assert [one["index"] for one in newest["items"]] == expected[1:]
    assert client.get(url, params={"active_at": 1 << 39}).json()["items"] == []

    fork = snapshot(world)
    world.revoke(tokens[1], holders[1])
    later = client.get(url, params={"limit": 2}).json()
    world = go_back(world, fork, tmp_path / "after")
    mine(world, 2)
    gone = client.get(url, params={"after": later["next"], "limit": 2})
    assert (gone.status_code, gone.json()["code"]) == (409, "cohort-block-gone")


def test_who_is_no_site_and_what_is_no_block_is_not_found(client: TestClient, world: World) -> None:
    study = world.approved_study()
    other = f"/v1/studies/{study}/sites/{world.sponsor.address}/cohort"
    site = f"/v1/studies/{study}/sites/{world.sites[0].address}/cohort"
    assert client.get(other).status_code == 404
    assert client.get(other.replace(f"/{study}/", f"/{study + 1}/")).status_code == 404
    assert client.get(site, params={"block": 10**9}).status_code == 404
    assert client.get(site, params={"block": 0}).status_code == 404
    assert client.get(site, params={"after": "bm90IGEgY3Vyc29y"}).json()["code"] == "cursor-invalid"


def _count_calls(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    provider: Any = service.node.chain().w3.provider
    asked: list[str] = []
    send = provider.make_request

    def counted(method: str, params: Any) -> Any:
        asked.append(method)
        return send(method, params)

    monkeypatch.setattr(provider, "make_request", counted)
    return asked
