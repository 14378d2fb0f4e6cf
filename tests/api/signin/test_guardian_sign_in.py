"""A guardian account signs in as itself: it is asked on the service's node, at each request."""

from __future__ import annotations

import pytest
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient

from api.node import Node
from stack.ports import free_port
from tests.api.people import sign_in, sign_in_message, visitor, wallet_signature
from tests.api.signin.support import BOTH, OWN, Running
from tests.api.signin.test_sign_in import refused, send
from tests.guardians import Guarded
from tests.world import World

WRONG = "sign-in-signature-wrong"


@pytest.fixture(scope="module")
def study(signin_world: World) -> int:
    return signin_world.approved_study()


@pytest.fixture
def child(signin_world: World, study: int) -> Guarded:
    return Guarded(signin_world, study)


def enter(browser: TestClient, child: Guarded, key: LocalAccount | None = None) -> None:
    message = sign_in_message(browser, child.address)
    answer = send(browser, message, child.signs_text(message, key))
    assert answer.status_code == 201, answer.text


def token_of(browser: TestClient) -> dict[str, str]:
    made = browser.post(
        "/v1/access-tokens", json={"name": "app", "scopes": ["consent:write"]}, headers=OWN
    )
    return {"Authorization": f"Bearer {made.json()['token']}"}


@BOTH
def test_the_acting_key_signs_the_account_in(client: TestClient, child: Guarded) -> None:
    message = sign_in_message(client, child.address)
    told = send(client, message, child.signs_text(message)).json()
    assert (told["address"], told["signer"]) == (child.address, child.address.lower())
    block = child.world.chain().block(told["as_of"]["number"])
    assert told["as_of"] == {
        "number": block.number,
        "hash": "0x" + block.hash.hex(),
        "timestamp": block.timestamp,
    }
    assert client.get("/who").json() == child.address
    assert visitor(client).get("/who", headers=token_of(client)).json() == child.address
    # A plain account is not asked anything, so no block is named.
    assert sign_in(visitor(client), child.parent)["as_of"] is None


def test_nobody_else_signs_it_in(
    client: TestClient, child: Guarded, world: World, study: int
) -> None:
    message = sign_in_message(client, child.address)
    sibling, guardian = Guarded(world, study), child.guardians[0]
    for proof in (
        child.signs_text(message, sibling.parent),
        child.signs_text(message, guardian),
        child.signs_text(message + "."),
        # As its key alone would sign, which names no account.
        wallet_signature(child.parent, message),
        "0x",
        "0x" + "00" * 96,
    ):
        assert refused(send(client, message, proof)) == WRONG
    # Nor is what one account stands by good for another, or for the key's own address.
    for address in (sibling.address, child.parent.address, world.deployment.registry):
        other = sign_in_message(client, address)
        assert refused(send(client, other, child.signs_text(other))) == WRONG
    assert send(client, message, child.signs_text(message)).status_code == 201


@BOTH
def test_a_lost_key_s_sessions_and_tokens_end_when_it_is_replaced(
    client: TestClient, child: Guarded
) -> None:
    enter(client, child)
    token, program = token_of(client), visitor(client)
    assert program.post("/writes", headers=token).json() == child.address
    found = child.rotate()
    assert client.get("/who").json()["code"] == "not-signed-in"
    assert client.get("/perhaps").json() is None
    assert program.post("/writes", headers=token).json()["code"] == "not-signed-in"

    message = sign_in_message(client, child.address)
    assert refused(send(client, message, child.signs_text(message))) == WRONG
    enter(client, child, found)
    assert client.get("/who").json() == child.address


def test_while_the_node_is_away_no_contract_account_is_believed(
    client: TestClient, child: Guarded, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(client, child)
    token, newcomer = token_of(client), visitor(client)
    message = sign_in_message(newcomer, child.address)
    proof = child.signs_text(message)
    node = Node(f"http://127.0.0.1:{free_port()}", running.service.settings.deployment)
    with monkeypatch.context() as away:
        away.setattr(running.service, "node", node)
        for answer in (
            send(newcomer, message, proof),
            client.get("/who"),
            visitor(client).get("/who", headers=token),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "chain-unreachable")
            assert "set-cookie" not in answer.headers
        # Keys need no node.
        assert sign_in(visitor(client), child.parent)["address"] == child.parent.address
    # The nonce is not used up: what could not be decided can be brought again.
    assert send(newcomer, message, proof).status_code == 201
