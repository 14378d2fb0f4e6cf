"""Signing in with an Ethereum account."""

from fastapi.testclient import TestClient

from tests.api.people import sign_in, signed_in, visitor
from tests.world import World


def test_a_signed_message_gives_a_session_of_its_account(client: TestClient, world: World) -> None:
    account = world.accounts[20]
    told = sign_in(client, account)
    assert told["address"] == account.address
    mine = client.get("/v1/sessions").json()
    assert [one["current"] for one in mine] == [True]


def test_a_program_gets_a_token(client: TestClient, world: World) -> None:
    headers = signed_in(client, world.accounts[20])
    answer = visitor(client).get("/v1/sessions", headers=headers)
    assert answer.json()["code"] == "session-needed"
