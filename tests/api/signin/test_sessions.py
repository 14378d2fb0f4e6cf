"""A session is one address in one browser, for a while, and for pages of ours alone."""

from __future__ import annotations

import pytest
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from pydantic import HttpUrl
from sqlalchemy import text
from structlog.testing import capture_logs

from api.app import create_app
from api.database.tables import METADATA
from api.service import Service
from api.settings import Settings
from tests.api.people import sign_in, sign_in_message, signed_in, visitor, wallet_signature
from tests.api.signin.support import BOTH, OWN, PAGE_ORIGIN, MovedClock, Running


@BOTH
def test_it_ends_by_itself_by_sign_out_and_from_another_of_one_s_browsers(
    client: TestClient, account: LocalAccount, clock: MovedClock
) -> None:
    phone, desk, library = visitor(client), visitor(client), visitor(client)
    for browser in (phone, desk, library):
        sign_in(browser, account)
    mine = phone.get("/v1/sessions").json()["items"]
    assert [one["method"] for one in mine] == ["ethereum"] * 3

    here = next(one["id"] for one in library.get("/v1/sessions").json()["items"] if one["current"])
    assert phone.delete(f"/v1/sessions/{here}", headers=OWN).status_code == 204
    assert library.get("/v1/sessions").json()["code"] == "not-signed-in"

    kept = dict(desk.cookies)
    assert desk.delete("/v1/sessions/current", headers=OWN).status_code == 204
    assert not desk.cookies
    desk.cookies.update(kept)
    assert desk.get("/v1/sessions").json()["code"] == "not-signed-in"

    assert phone.get("/v1/sessions").status_code == 200
    clock.pass_minutes(31)
    assert phone.get("/v1/sessions").json()["code"] == "not-signed-in"


def test_a_list_comes_in_pages(client: TestClient, account: LocalAccount) -> None:
    for _ in range(3):
        sign_in(client, account)
    first = client.get("/v1/sessions", params={"limit": 2}).json()
    second = client.get("/v1/sessions", params={"limit": 2, "after": first["next"]}).json()
    assert len({one["id"] for one in first["items"] + second["items"]}) == 3
    assert second["next"] is None


def test_another_person_s_is_not_seen_and_not_ended(
    client: TestClient, account: LocalAccount, other: LocalAccount
) -> None:
    sign_in(client, account)
    stranger = visitor(client)
    sign_in(stranger, other)
    theirs = client.get("/v1/sessions").json()["items"][0]["id"]
    assert theirs not in stranger.get("/v1/sessions").text
    assert stranger.delete(f"/v1/sessions/{theirs}", headers=OWN).json()["code"] == "not-found"
    assert client.get("/v1/sessions").status_code == 200


def test_a_change_with_a_cookie_comes_from_a_page_of_ours(
    client: TestClient, account: LocalAccount
) -> None:
    sign_in(client, account)
    body = {"name": "mine", "scopes": ["study:read"]}
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8800.evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Referer": "http://localhost:8800/"},
    ):
        answer = client.post("/v1/access-tokens", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin-refused")
        assert client.delete("/v1/sessions/current", headers=headers).status_code == 403
    assert client.get("/v1/access-tokens").json()["items"] == []
    for headers in (OWN, {"Origin": PAGE_ORIGIN}):
        assert client.post("/v1/access-tokens", json=body, headers=headers).status_code == 201


@pytest.mark.parametrize("cookie", ["", "x", "00" * 32, "é", "0" * 100_000])
def test_a_made_up_cookie_is_nobody_s(client: TestClient, cookie: str) -> None:
    answer = client.get("/v1/sessions", headers={"Cookie": f"assent={cookie}".encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_behind_tls_the_cookie_belongs_to_this_very_host(
    settings: Settings, account: LocalAccount
) -> None:
    public = settings.model_copy(update={"public_url": HttpUrl("https://consent.example.org")})
    service = Service.start(public)
    with TestClient(create_app(service), base_url=public.origin) as client:
        message = sign_in_message(client, account.address)
        body = {"message": message, "signature": wallet_signature(account, message)}
        answer = client.post("/v1/signin/ethereum", json=body)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-assent=")
        assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= {
            one.strip() for one in cookie.split(";")
        }
        assert client.get("/v1/sessions").status_code == 200
        # Without the prefix it could have been set by a neighbouring host.
        plain = visitor(client)
        plain.cookies.set("assent", client.cookies["__Host-assent"])
        assert plain.get("/v1/sessions").status_code == 401


def test_neither_the_database_nor_a_log_holds_a_secret(
    running: Running, client: TestClient, account: LocalAccount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="api")
    with capture_logs() as logged:
        unused = client.post("/v1/signin/nonce").json()["nonce"]
        sign_in(client, account)
        bearer = signed_in(client, account)["Authorization"].removeprefix("Bearer ")
        client.get("/v1/sessions")
        client.get("/v1/sessions", headers={"Authorization": f"Bearer {bearer}x"})
    assert logged
    secrets = [unused, client.cookies["assent"], bearer]
    with running.service.engine.connect() as connection:
        rows = [
            connection.execute(text(f"SELECT * FROM {table.name}")).all()
            for table in METADATA.sorted_tables
        ]
    assert any(rows)
    for secret in secrets:
        assert bytes.fromhex(secret).hex() not in repr(rows)
        assert repr(bytes.fromhex(secret))[2:-1] not in repr(rows)
        for file in running.folder.glob("api.db*"):
            assert secret.encode() not in file.read_bytes()
            assert bytes.fromhex(secret) not in file.read_bytes()
    for word in [*secrets, account.address, account.address.lower()[2:]]:
        assert word not in repr(logged) + caplog.text
