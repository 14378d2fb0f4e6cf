"""A program acts for its owner with a token that can do only what its scopes name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.app import ROUTERS
from api.fhir import endpoints as fhir
from api.signin import caller as callers
from tests.api.people import sign_in, signed_in, visitor
from tests.api.signin.support import BOTH, OWN, MovedClock


@BOTH
def test_it_is_shown_once_listed_without_itself_and_revoked(
    client: TestClient, account: LocalAccount, clock: MovedClock
) -> None:
    sign_in(client, account)
    body = {"name": "night job", "scopes": ["study:read", "consent:read"], "days": 2}
    made = client.post("/v1/access-tokens", json=body, headers=OWN).json()
    token, program = made.pop("token"), visitor(client)
    headers = {"Authorization": f"Bearer {token}"}
    assert made["scopes"] == ["consent:read", "study:read"]
    assert client.get("/v1/access-tokens").json()["items"] == [made]
    assert token not in client.get("/v1/access-tokens").text
    assert program.get("/who", headers=headers).json() == account.address

    assert client.delete(f"/v1/access-tokens/{made['id']}", headers=OWN).status_code == 204
    assert program.get("/who", headers=headers).json()["code"] == "not-signed-in"
    again = client.delete(f"/v1/access-tokens/{made['id']}", headers=OWN)
    assert again.json()["code"] == "not-found"

    short = {"Authorization": f"Bearer {_made(client, body)}"}
    clock.pass_minutes(2 * 24 * 60 - 1)
    assert program.get("/who", headers=short).status_code == 200
    clock.pass_minutes(2)
    assert program.get("/who", headers=short).json()["code"] == "not-signed-in"


def test_it_does_what_its_scopes_name_and_no_more(
    client: TestClient, account: LocalAccount
) -> None:
    reader = signed_in(client, account, scopes=["consent:read"])
    writer = signed_in(client, account, scopes=["consent:write"])
    refused = client.post("/writes", headers=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
    assert "consent:write" in refused.json()["detail"]
    assert client.post("/writes", headers=writer).json() == account.address
    # A person in a session may do all that the address may.
    sign_in(client, account)
    assert client.post("/writes", headers=OWN).json() == account.address


def test_no_token_makes_lists_or_ends_anything_of_sign_in(
    client: TestClient, account: LocalAccount
) -> None:
    program, headers = visitor(client), signed_in(client, account)
    body = {"name": "more", "scopes": ["study:read"]}
    for answer in (
        program.post("/v1/access-tokens", json=body, headers=headers),
        program.get("/v1/access-tokens", headers=headers),
        program.get("/v1/sessions", headers=headers),
        program.delete("/v1/sessions/current", headers=headers),
        program.delete("/v1/access-tokens/x", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "session-needed")


def test_another_person_s_is_not_found(
    client: TestClient, account: LocalAccount, other: LocalAccount
) -> None:
    sign_in(client, account)
    _made(client, {"name": "mine", "scopes": ["study:read"]})
    mine = client.get("/v1/access-tokens").json()["items"][0]["id"]
    stranger = visitor(client)
    sign_in(stranger, other)
    assert stranger.get("/v1/access-tokens").json()["items"] == []
    assert stranger.delete(f"/v1/access-tokens/{mine}", headers=OWN).status_code == 404


def test_a_bad_token_is_refused_whatever_else_is_sent(
    client: TestClient, account: LocalAccount, other: LocalAccount
) -> None:
    headers = signed_in(client, other)
    sign_in(client, account)
    # One request has one address: the token's, if there is one.
    assert client.get("/who", headers=headers).json() == other.address
    for bad in ("Bearer", "Bearer x", "Bearer " + "00" * 32, "Basic YTpi", "", "Bearer é"):
        answer = client.get("/perhaps", headers={"Authorization": bad.encode("latin-1")})
        assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in"), bad
    assert visitor(client).get("/perhaps").json() is None


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"days": 0},
        {"days": 10_000},
        {"name": ""},
        {"name": "a\nb"},
        {"address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},
    ],
)
def test_it_must_be_asked_for_as_described(
    client: TestClient, account: LocalAccount, change: dict[str, Any]
) -> None:
    sign_in(client, account)
    body = {"name": "mine", "scopes": ["study:read"], "days": 1} | change
    answer = client.post("/v1/access-tokens", json=body, headers=OWN)
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")


def test_every_operation_for_a_caller_names_the_scope_that_a_token_needs() -> None:
    lacking = []
    for route in _routes([*ROUTERS, fhir.router]):
        asked = set(_calls(route.dependant))
        names = {getattr(one, "__name__", "") for one in asked}
        if callers._caller in asked and "caller_with_scope" not in names:
            lacking.append(route.path)
    assert lacking == []


def _routes(routers: list[Any]) -> Iterator[APIRoute]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield route
            else:
                # A router in a router.
                yield from _routes([route.original_router])


def _calls(dependant: Dependant) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def _made(browser: TestClient, body: dict[str, Any]) -> str:
    return str(browser.post("/v1/access-tokens", json=body, headers=OWN).json()["token"])
