"""A round as the ledger recorded it, without asking the chain."""

import pytest
from fastapi.testclient import TestClient

from api.index.indexer import Indexer
from api.service import Service
from audit.cid import cid_of_sha256
from tests.world import World, sha256

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_rounds_are_told_from_opening_to_checkpoint(
    client: TestClient, service: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = world.approved_study()
    for site, holder in zip(world.sites[:2], world.accounts[20:22], strict=True):
        world.give_consent(study, site, holder)
    first = world.open_round(study)
    chain = world.chain(world.coordinator)
    for site in world.sites[:2]:
        world.commit(study, first, site)
    world.pass_time(601)
    chain.ledger.seal(study, first)
    world.close(study, first)
    second = world.open_round(study)
    chain.ledger.abort(study, second)
    third = world.open_round(study)
    Indexer(service).run_once()
    facts = chain.ledger.round(study, first)
    spent = chain.ledger.rho_spent(study)
    monkeypatch.setattr(service.node, "chain", None)

    page = client.get(f"/v1/studies/{study}/rounds", params={"limit": 2}).json()
    assert [(one["number"], one["state"]) for one in page["items"]] == [
        (third, "open"),
        (second, "aborted"),
    ]
    rest = client.get(f"/v1/studies/{study}/rounds", params={"after": page["next"]}).json()
    assert [(one["number"], one["state"]) for one in rest["items"]] == [(first, "closed")]
    assert rest["next"] is None

    shown = client.get(f"/v1/studies/{study}/rounds/{first}").json()
    assert shown["members"] == [site.address for site in world.sites[:2]]
    assert [one["tokens"] for one in shown["commitments"]] == [1, 1]
    assert shown["deadlines"] == {
        "commit": facts.commit_deadline,
        "seal": facts.seal_deadline,
        "delivery": facts.delivery_deadline,
        "close": facts.close_deadline,
    }
    assert shown["seal"]["rho_spent"] == str(spent)
    assert shown["checkpoint_cid"] == cid_of_sha256(sha256(f"checkpoint {first}"))
    assert shown["closure"]["checkpoint_cid"] == shown["checkpoint_cid"]
    aborted = client.get(f"/v1/studies/{study}/rounds/{second}").json()
    assert (aborted["abort"]["reason"], aborted["closure"]) == ("coordinator", None)
    assert client.get(f"/v1/studies/{study}/rounds/9").status_code == 404
    assert client.get(f"/v1/studies/{study + 1}/rounds").status_code == 404
