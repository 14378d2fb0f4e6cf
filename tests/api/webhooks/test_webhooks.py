"""Every change reaches who asked for it, signed, until they say that they want no more."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from api.clock import system_clock
from api.index.indexer import Indexer
from api.service import Service
from api.webhooks import repository
from api.webhooks.deliverer import BACKOFF, DISABLED_AFTER, Deliverer
from api.webhooks.tables import Webhook
from tests.api.forks import go_back, snapshot
from tests.api.people import signed_in
from tests.api.webhooks.receiver import Receiver, receiving
from tests.world import World

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def verify(secret: str, headers: dict[str, str], body: bytes) -> None:
    """As docs/changes.md has it."""
    page = (Path(__file__).parents[3] / "docs" / "changes.md").read_text(encoding="utf-8")
    recipe: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.S)[0], recipe)
    recipe["verify"](secret, headers, body)


def ask(client: TestClient, who: dict[str, str], receiver: Receiver, **asked: Any) -> Any:
    url = f"http://127.0.0.1:{receiver.port}/changes?of=assent"
    made = client.post("/v1/webhooks", json={"url": url, **asked}, headers=who)
    assert made.status_code == 201, made.text
    return made.json()


def messages(receiver: Receiver) -> list[Any]:
    return [json.loads(body) for _, _, body in receiver.got]


def test_changes_are_sent_once_signed_and_those_undone_are_too(
    client: TestClient, service: Service, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    study = world.approved_study()
    indexer, deliverer = Indexer(service), Deliverer(service)
    indexer.run_once()
    who = signed_in(client, world.accounts[30])
    webhook = ask(client, who, receiver, study_id=study, kinds=["consent"])
    assert deliverer.run_once() == 0

    fork = snapshot(world)
    token = world.give_consent(study, world.sites[0], world.accounts[20])
    world.open_round(study)
    indexer.run_once()
    assert deliverer.run_once() == 1
    assert deliverer.run_once() == 0
    path, headers, body = receiver.got[0]
    assert path == "/changes?of=assent"
    verify(webhook["secret"], headers, body)
    with pytest.raises(ValueError, match="not the service's"):
        verify(webhook["secret"], headers, body + b" ")
    with pytest.raises(ValueError, match="not the service's"):
        verify(webhook["secret"], headers | {"webhook-id": "msg_other"}, body)
    with pytest.raises(ValueError, match="too old"):
        verify(webhook["secret"], headers | {"webhook-timestamp": "1700000000"}, body)
    told = json.loads(body)
    assert (told["type"], told["data"]["values"]["token_id"]) == ("consent.granted", str(token))
    assert set(told["data"]["block"]) == {"number", "hash", "timestamp"}

    go_back(world, fork, tmp_path / "after")
    indexer.run_once()
    deliverer.run_once()
    assert [one["type"] for one in messages(receiver)] == [
        "consent.granted",
        "consent.granted.undone",
    ]
    assert messages(receiver)[1]["data"]["undone"] == told["data"]["sequence"]
    listed = client.get(f"/v1/webhooks/{webhook['id']}/deliveries", headers=who).json()["items"]
    assert [(one["kind"], one["state"]) for one in listed] == [
        ("consent.granted.undone", "delivered"),
        ("consent.granted", "delivered"),
    ]
    assert listed[1]["id"] == headers["webhook-id"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_what_is_indexed_while_messages_are_queued_is_sent_once_and_stops_nothing(
    client: TestClient,
    service: Service,
    world: World,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    indexer, deliverer = Indexer(service), Deliverer(service)
    indexer.run_once()
    ask(client, signed_in(client, world.accounts[30]), receiver, kinds=["site"])
    site, *others = world.sites
    key = world.accounts[31].address
    world.chain(site).registry.register_site(key, b"\1" * 32)
    indexer.run_once()
    world.chain(others[0]).registry.register_site(key, b"\2" * 32)
    hold = repository.hold

    def index_first(database: Session, webhook_id: str) -> Webhook | None:
        indexer.run_once()
        return hold(database, webhook_id)

    monkeypatch.setattr(repository, "hold", index_first)
    deliverer.run_once()
    monkeypatch.undo()
    world.chain(others[1]).registry.register_site(key, b"\3" * 32)
    indexer.run_once()
    deliverer.run_once()
    told = [one["data"]["values"]["site"] for one in messages(receiver)]
    assert told == [site.address, others[0].address, others[1].address]


def test_what_fails_comes_again_later_and_what_fails_for_long_is_disabled(
    client: TestClient, service: Service, world: World, receiver: Receiver
) -> None:
    now = system_clock()
    service.clock = lambda: now
    indexer, deliverer = Indexer(service), Deliverer(service)
    indexer.run_once()
    who = signed_in(client, world.accounts[30])
    webhook = ask(client, who, receiver, kinds=["site"])
    where = f"/v1/webhooks/{webhook['id']}"
    world.register_sites()
    indexer.run_once()

    receiver.answers = [500, 302]
    assert deliverer.run_once() == 1  # the other four wait for the first
    assert client.get(f"{where}/deliveries", headers=who).json()["items"][-1]["last_status"] == 500
    assert deliverer.run_once() == 0
    now += timedelta(minutes=3)
    assert deliverer.run_once() == 1
    now += BACKOFF[1]
    assert deliverer.run_once() == 5
    identities = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert len(set(identities)) == 5
    assert {one["path"] for one in [{"path": path} for path, _, _ in receiver.got]} == {
        "/changes?of=assent"
    }
    assert client.get(where, headers=who).json()["failures"] == 0

    world.propose()
    other = ask(client, who, receiver)
    world.propose()
    indexer.run_once()
    receiver.answers = [500] * 100
    attempts = 0
    while client.get(f"/v1/webhooks/{other['id']}", headers=who).json()["disabled_at"] is None:
        now += timedelta(days=1)
        attempts += deliverer.run_once()
    assert attempts == DISABLED_AFTER
    receiver.answers = []
    now += timedelta(days=1)
    assert deliverer.run_once() == 0
    enabled = client.post(f"/v1/webhooks/{other['id']}/enable", headers=who).json()
    assert (enabled["disabled_at"], enabled["failures"]) == (None, 0)


@sqlite_only
def test_who_says_gone_gets_no_more(
    client: TestClient, service: Service, world: World, receiver: Receiver
) -> None:
    Indexer(service).run_once()
    who = signed_in(client, world.accounts[30])
    webhook = ask(client, who, receiver)
    world.register_sites()
    Indexer(service).run_once()
    receiver.answers = [410]
    assert Deliverer(service).run_once() == 1
    shown = client.get(f"/v1/webhooks/{webhook['id']}", headers=who).json()
    assert shown["disabled_at"] is not None


@sqlite_only
def test_a_webhook_is_its_owners_alone_and_its_secret_is_shown_once(
    client: TestClient, world: World, receiver: Receiver
) -> None:
    owner, other = (signed_in(client, account) for account in world.accounts[30:32])
    webhook = ask(client, owner, receiver)
    where = f"/v1/webhooks/{webhook['id']}"
    assert "secret" not in client.get(where, headers=owner).json()
    for path in (where, f"{where}/deliveries"):
        assert client.get(path, headers=other).status_code == 404
        assert client.get(path).status_code == 401
    assert client.post(f"{where}/enable", headers=other).status_code == 404
    assert client.delete(where, headers=other).status_code == 404
    assert client.get("/v1/webhooks", headers=other).json()["items"] == []
    assert [one["id"] for one in client.get("/v1/webhooks", headers=owner).json()["items"]] == [
        webhook["id"]
    ]
    assert client.delete(where, headers=owner).status_code == 204
    assert client.get(where, headers=owner).status_code == 404
    wrong = client.post(
        "/v1/webhooks", json={"url": "https://a.example", "kinds": ["weather"]}, headers=owner
    )
    assert wrong.json()["code"] == "kind-unknown"
