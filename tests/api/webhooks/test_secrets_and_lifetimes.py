"""A webhook's secret lies under a key that is not in the database, and a webhook ends."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from fastapi.testclient import TestClient
from sqlalchemy import text, update

from api.clock import system_clock
from api.database.engine import make_engine
from api.database.migrate import alembic_config, migrate
from api.index.indexer import Indexer
from api.service import Service
from api.settings import Settings
from api.webhooks.deliverer import KEPT, Deliverer
from api.webhooks.keys import SecretUnusable, WebhookKey, WebhookKeys
from api.webhooks.sealing import seal_all
from api.webhooks.signing import new_secret, secret_text
from api.webhooks.tables import Webhook
from federation.gate.private_files import write_private_file
from tests.api.people import sign_in_message, signed_in, visitor, wallet_signature
from tests.api.webhooks.receiver import Receiver, receiving
from tests.api.webhooks.test_webhooks import ask, verify
from tests.world import World

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def new_key(folder: Path) -> Path:
    path = folder / f"{secrets.token_hex(4)}.key"
    write_private_file(path, b"0x" + secrets.token_hex(32).encode())
    return path


def raw_secret(service: Service, webhook_id: str) -> tuple[bytes, str | None]:
    with service.sessions() as database:
        found = database.get_one(Webhook, webhook_id)
        return found.secret, found.secret_key


def happens(service: Service, world: World) -> None:
    world.propose_after_registering()
    while Indexer(service).run_once():
        pass


def test_a_key_opens_what_it_sealed_for_that_webhook_alone(tmp_path: Path) -> None:
    key, other = (WebhookKey.load(new_key(tmp_path)) for _ in range(2))
    secret = new_secret()
    sealed = key.seal("wh_1", secret)
    assert key.open("wh_1", sealed) == secret
    assert key.seal("wh_1", secret) != sealed
    changed = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for wrong, webhook, data in (
        (other, "wh_1", sealed),
        (key, "wh_2", sealed),
        (key, "wh_1", changed),
        (key, "wh_1", sealed[:11]),
        (key, "wh_1", secret),
    ):
        with pytest.raises(SecretUnusable):
            wrong.open(webhook, data)
    assert key.name == WebhookKey(key.key).name != other.name
    assert key.key.hex() not in key.name


def test_the_database_does_not_hold_the_secret_and_messages_are_signed_with_it(
    client: TestClient, service: Service, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    Indexer(service).run_once()
    who = signed_in(client, world.accounts[30])
    made = ask(client, who, receiver)
    secret = made["secret"]
    sealed, key = raw_secret(service, made["id"])
    assert key == WebhookKey.load(service.settings.webhook_keys[0]).name
    plain = service.webhook_keys.open(made["id"], key, sealed)
    assert (secret_text(plain), plain in sealed) == (secret, False)
    for file in tmp_path.glob("api.db*"):
        assert plain not in file.read_bytes()
    happens(service, world)
    Deliverer(service).run_once()
    _, headers, body = receiver.got[0]
    verify(secret, headers, body)


def test_a_key_is_replaced_without_a_message_lost(
    client: TestClient, service: Service, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    Indexer(service).run_once()
    made = ask(client, signed_in(client, world.accounts[30]), receiver)
    old = service.settings.webhook_keys[0]
    newer, stranger = new_key(tmp_path), new_key(tmp_path)
    happens(service, world)

    service.webhook_keys = WebhookKeys.load([stranger])
    assert Deliverer(service).run_once() == 0
    assert receiver.got == []

    service.webhook_keys = WebhookKeys.load([newer, old])
    assert Deliverer(service).run_once() > 0
    assert raw_secret(service, made["id"])[1] == WebhookKey.load(newer).name
    service.webhook_keys = WebhookKeys.load([newer])
    assert seal_all(service) == 0
    happens(service, world)
    count = len(receiver.got)
    Deliverer(service).run_once()
    assert len(receiver.got) > count
    for _, headers, body in receiver.got:
        verify(made["secret"], headers, body)


def test_secrets_from_before_there_were_keys_are_sealed_and_go_on(
    settings: Settings, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    engine = make_engine(settings.database_url.get_secret_value())
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    plain, url = new_secret(), f"http://127.0.0.1:{receiver.port}/"
    row = {"id": "wh_old", "owner": bytes(20), "url": url, "secret": plain}
    row |= {"kinds": '{"kinds":[]}', "at": "2026-01-01 00:00:00.000000"}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO webhooks (id, owner, url, secret, kinds, position, failures,"
                " created_at) VALUES (:id, :owner, :url, :secret, :kinds, 0, 0, :at)"
            ),
            row,
        )
    migrate(engine)
    engine.dispose()

    without = Service.start(settings.model_copy(update={"webhook_keys": ()}))
    try:
        happens(without, world)
        # Nothing goes out that is signed with what anyone who reads the database has.
        assert Deliverer(without).run_once() == 0
        assert raw_secret(without, "wh_old") == (plain, None)
    finally:
        without.close()
    service = Service.start(settings)
    try:
        assert Deliverer(service).run_once() > 0
        sealed, key = raw_secret(service, "wh_old")
        assert (plain in sealed, key) == (False, WebhookKey.load(settings.webhook_keys[0]).name)
        _, headers, body = receiver.got[0]
        verify(secret_text(plain), headers, body)
    finally:
        service.close()
    for file in tmp_path.glob("api.db"):
        assert plain not in file.read_bytes()


@sqlite_only
def test_a_secret_that_was_put_there_by_hand_signs_nothing(
    client: TestClient, service: Service, world: World, receiver: Receiver
) -> None:
    Indexer(service).run_once()
    who = signed_in(client, world.accounts[30])
    victim, own = ask(client, who, receiver), ask(client, who, receiver, study_id=99)
    with service.sessions.begin() as database:
        copied = database.get_one(Webhook, own["id"]).secret
        database.execute(update(Webhook).where(Webhook.id == victim["id"]).values(secret=copied))
    happens(service, world)
    assert Deliverer(service).run_once() == 0
    assert receiver.got == []
    shown = client.get(f"/v1/webhooks/{victim['id']}", headers=who).json()
    assert shown["disabled_at"] is not None


@sqlite_only
def test_without_a_key_no_webhook_is_made(
    client: TestClient, service: Service, world: World, receiver: Receiver
) -> None:
    service.webhook_keys = WebhookKeys([])
    who = signed_in(client, world.accounts[30])
    body = {"url": f"http://127.0.0.1:{receiver.port}/"}
    refused = client.post("/v1/webhooks", json=body, headers=who)
    assert (refused.status_code, refused.json()["code"]) == (503, "webhooks-not-served")


def come_back(browser: TestClient, world: World, now: datetime) -> None:
    """Signs in as the service's clock has it."""
    account = world.accounts[30]
    issued = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    message = sign_in_message(browser, account.address, issued_at=issued)
    body = {"message": message, "signature": wallet_signature(account, message)}
    assert browser.post("/v1/signin/ethereum", json=body).status_code == 201


def test_a_webhook_ends_unless_it_is_renewed(
    client: TestClient, service: Service, world: World, receiver: Receiver
) -> None:
    now = system_clock()
    service.clock = lambda: now
    Indexer(service).run_once()
    session, own = visitor(client), {"Origin": service.settings.origin}
    come_back(session, world, now)
    made: Any = session.post(
        "/v1/webhooks", json={"url": f"http://127.0.0.1:{receiver.port}/", "days": 2}, headers=own
    ).json()
    where = f"/v1/webhooks/{made['id']}"
    assert made["expires_at"] == (now + timedelta(days=2)).isoformat().replace("+00:00", "Z")
    happens(service, world)
    assert Deliverer(service).run_once() > 0
    told = receiver.got[0][1]["assent-webhook-expires"]
    assert told == (now + timedelta(days=2)).isoformat(timespec="seconds")

    now += timedelta(days=2)
    happens(service, world)
    count = len(receiver.got)
    assert Deliverer(service).run_once() == 0
    come_back(session, world, now)
    for wrong in ({"days": 0}, {"days": 367}, {"for": 1}):
        assert session.post(f"{where}/renew", json=wrong, headers=own).status_code == 422
    renewed = session.post(f"{where}/renew", json={"days": 5}, headers=own).json()
    assert renewed["expires_at"] == (now + timedelta(days=5)).isoformat().replace("+00:00", "Z")
    Deliverer(service).run_once()
    assert len(receiver.got) > count

    now += timedelta(days=5) + KEPT + timedelta(seconds=1)
    come_back(session, world, now)
    another = ask(session, own, receiver)
    happens(service, world)
    Deliverer(service).run_once()
    assert session.get(where).status_code == 404
    assert session.get(f"/v1/webhooks/{another['id']}").status_code == 200


def test_only_a_token_with_the_scope_makes_one_and_revoking_it_ends_them(
    client: TestClient, service: Service, world: World, receiver: Receiver
) -> None:
    now = system_clock()
    service.clock = lambda: now
    Indexer(service).run_once()
    reading = signed_in(client, world.accounts[30], {"study:read", "consent:write", "site:write"})
    refused = client.post("/v1/webhooks", json={"url": "https://a.example/"}, headers=reading)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
    assert client.get("/v1/webhooks", headers=reading).status_code == 403

    person, own = visitor(client), {"Origin": service.settings.origin}
    come_back(person, world, now)

    def token(days: int) -> tuple[str, dict[str, str]]:
        asked = {"name": "hooks", "scopes": ["webhook:write"], "days": days}
        made = person.post("/v1/access-tokens", json=asked, headers=own).json()
        return made["id"], {"Authorization": f"Bearer {made['token']}"}

    short, long = token(1), token(200)
    kept, gone = ask(client, short[1], receiver), ask(client, long[1], receiver)
    now += timedelta(days=2)
    come_back(person, world, now)
    # The first token has expired; its webhook lives as long as it was asked to.
    assert client.get("/v1/webhooks", headers=short[1]).status_code == 401
    assert person.delete(f"/v1/access-tokens/{long[0]}", headers=own).status_code == 204
    listed = person.get("/v1/webhooks").json()["items"]
    assert [one["id"] for one in listed] == [kept["id"]]
    assert gone["id"] != kept["id"]
