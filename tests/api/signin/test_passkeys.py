"""Signing in with a passkey: its own key, for this origin, with a verified user, once."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import HttpUrl
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from api.index.tables import IndexedToken
from api.settings import Settings
from api.signin import passkeys
from api.signin.problems import PasskeysNeedName
from chain.messages import account_of_signer, token_id
from chain.passkeys import passkey_signer, webauthn_signature
from tests.api.people import sign_in, visitor
from tests.api.signin.authenticator import Authenticator
from tests.api.signin.support import BOTH, ORIGIN, OWN, MovedClock, Running
from tests.world import World

PATH = "/v1/signin/passkeys"


@pytest.fixture
def passkey() -> Authenticator:
    return Authenticator(ORIGIN)


def options(client: TestClient, what: str = "options") -> dict[str, Any]:
    answer = client.post(f"{PATH}/{what}")
    assert answer.status_code == 201, answer.text
    asked: dict[str, Any] = answer.json()["public_key"]
    return asked


def register(client: TestClient, passkey: Authenticator) -> Response:
    made = passkey.create(options(client, "registration-options"))
    answer: Response = client.post(f"{PATH}/registrations", json=made)
    return answer


def use(client: TestClient, passkey: Authenticator) -> Response:
    answer: Response = client.post(PATH, json=passkey.get(options(client)))
    return answer


def code(answer: Response) -> str:
    assert 400 <= answer.status_code < 500, answer.text
    assert "set-cookie" not in answer.headers
    return str(answer.json()["code"])


@BOTH
def test_its_address_is_the_holder_s_that_the_contracts_know(
    client: TestClient, world: World, passkey: Authenticator
) -> None:
    asked = options(client, "registration-options")
    assert asked["rp"]["id"] == "localhost"
    assert asked["pubKeyCredParams"] == [{"type": "public-key", "alg": -7}]
    assert asked["authenticatorSelection"]["userVerification"] == "required"

    signer = passkey_signer(world.deployment.webauthn_verifier, passkey.key.public_key())
    registered = client.post(f"{PATH}/registrations", json=passkey.create(asked))
    assert registered.status_code == 201
    told = registered.json()
    assert told["signer"] == "0x" + signer.hex()
    assert told["address"] == account_of_signer(signer)
    # A registration proves nothing of who holds the key, so it signs nobody in.
    assert "set-cookie" not in registered.headers

    assert options(client)["userVerification"] == "required"
    signed_in = use(client, passkey)
    assert signed_in.status_code == 201
    assert signed_in.json()["address"] == account_of_signer(signer)
    assert client.get("/v1/sessions").json()["items"][0]["method"] == "passkey"


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "http://localhost:8801"},
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"flags": 0x01},
        {"flags": 0x04},
        {"cross_origin": True},
        {"key": ec.generate_private_key(ec.SECP256R1())},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_answer_for_something_else_is_refused(
    client: TestClient, passkey: Authenticator, change: dict[str, Any]
) -> None:
    assert register(client, passkey).status_code == 201
    wrong = dataclasses.replace(passkey, **change)
    assert code(use(client, wrong)) == "passkey-refused"
    if "key" not in change:
        fresh = dataclasses.replace(wrong, credential_id=b"another")
        assert code(register(client, fresh)) == "passkey-refused"


@BOTH
def test_a_challenge_serves_once_and_not_for_long(
    client: TestClient, passkey: Authenticator, clock: MovedClock
) -> None:
    made = passkey.create(options(client, "registration-options"))
    assert client.post(f"{PATH}/registrations", json=made).status_code == 201
    assert code(client.post(f"{PATH}/registrations", json=made)) == "nonce-unknown"

    passkey.counter = None
    again = Authenticator(ORIGIN, counter=None)
    assert register(client, again).status_code == 201
    answer = again.get(options(client))
    assert client.post(PATH, json=answer).status_code == 201
    assert code(visitor(client).post(PATH, json=answer)) == "nonce-unknown"

    late = again.get(options(client))
    clock.pass_minutes(6)
    assert code(client.post(PATH, json=late)) == "nonce-unknown"


def test_no_sign_in_can_be_made_into_an_act(
    client: TestClient, world: World, passkey: Authenticator
) -> None:
    register(client, passkey)
    challenge = base64url_to_bytes(options(client)["challenge"])
    assert challenge.startswith(b"assent sign-in\n")
    assert len(challenge) != 32
    answer = passkey.get({"challenge": bytes_to_base64url(challenge)})["response"]
    parts = [base64url_to_bytes(answer[name]) for name in sorted(answer)]
    data, client_data, der = parts
    signer = passkey_signer(world.deployment.webauthn_verifier, passkey.key.public_key())
    for digest in (challenge[-32:], challenge[:32]):
        with pytest.raises(ValueError, match="another challenge"):
            webauthn_signature(signer, digest, data, client_data, der)
    # Nor the other way round: the answer to an act's digest signs nobody in.
    act = passkey.get({"challenge": bytes_to_base64url(challenge[-32:])})
    assert code(client.post(PATH, json=act)) == "nonce-unknown"


@BOTH
def test_a_copied_passkey_shows_when_its_counter_goes_back(
    client: TestClient, passkey: Authenticator
) -> None:
    register(client, passkey)
    copy = dataclasses.replace(passkey)
    assert use(client, passkey).status_code == 201
    assert code(use(client, copy)) == "passkey-refused"
    assert use(client, passkey).status_code == 201


def test_a_credential_keeps_its_first_key(client: TestClient, passkey: Authenticator) -> None:
    register(client, passkey)
    thief = Authenticator(ORIGIN, credential_id=passkey.credential_id)
    assert code(register(client, thief)) == "passkey-taken"
    assert use(client, passkey).status_code == 201
    assert code(use(client, Authenticator(ORIGIN))) == "passkey-unknown"


@BOTH
def test_a_passkey_that_nobody_uses_is_forgotten(
    client: TestClient, clock: MovedClock, running: Running
) -> None:
    idle, used, consented = (Authenticator(ORIGIN) for _ in range(3))
    holder = [register(client, one).json() for one in (idle, used, consented)][2]["address"]
    assert use(client, used).status_code == 201
    with running.service.sessions.begin() as database:
        database.merge(_token_of(holder))
    days = running.service.settings.unused_passkey_days
    clock.pass_minutes(days * 24 * 60 - 1)
    assert register(client, Authenticator(ORIGIN)).status_code == 201
    # Signing in is what counts: it was not forgotten until now, and is in use from now on.
    assert use(client, idle).status_code == 201
    unused = Authenticator(ORIGIN)
    register(client, unused)
    clock.pass_minutes(days * 24 * 60 + 1)
    register(client, Authenticator(ORIGIN))
    assert code(use(client, unused)) == "passkey-unknown"
    for one in (idle, used, consented):
        assert use(client, one).status_code == 201


def _token_of(holder: str) -> IndexedToken:
    return IndexedToken(
        token_id=secrets.randbits(250),
        study_id=1,
        site="0x" + "00" * 20,
        holder=holder,
        granted_block=1,
        granted_tx=bytes(32),
    )


def test_no_foreign_page_registers_or_signs_in(client: TestClient, passkey: Authenticator) -> None:
    foreign = {"Origin": "https://evil.example"}
    made = passkey.create(options(client, "registration-options"))
    answer = client.post(f"{PATH}/registrations", json=made, headers=foreign)
    assert code(answer) == "origin-refused"
    client.post(f"{PATH}/registrations", json=made)
    answer = client.post(PATH, json=passkey.get(options(client)), headers=foreign)
    assert code(answer) == "origin-refused"


def test_one_session_one_address_however_often_one_signs_in(
    client: TestClient, world: World, passkey: Authenticator
) -> None:
    first = sign_in(client, world.accounts[20])["address"]
    register(client, passkey)
    second = use(client, passkey).json()["address"]
    assert first != second
    # The browser now speaks for the second alone, and is told nothing of the first.
    assert [one["method"] for one in client.get("/v1/sessions").json()["items"]] == ["passkey"]


def test_a_bare_ip_address_is_told_to_need_a_name(settings: Settings) -> None:
    bare = settings.model_copy(update={"public_url": HttpUrl("http://127.0.0.1:8800")})
    for what in (passkeys.authentication_options, passkeys.registration_options):
        with pytest.raises(PasskeysNeedName):
            what(bare, "0f" * 32)


@given(sign_in=st.booleans(), which=st.integers(0, 2), place=st.integers(0, 999))
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_an_answer_s_bytes_signs_anyone_in(
    client: TestClient, sign_in: bool, which: int, place: int
) -> None:
    passkey = Authenticator(ORIGIN)
    answer = passkey.create(options(client, "registration-options"))
    path = f"{PATH}/registrations"
    if sign_in:
        client.post(path, json=answer)
        answer, path = passkey.get(options(client)), PATH
    # Where any bit counts; an attestation's key may well be another one.
    names = sorted(set(answer["response"]) - {"attestationObject"})
    name = names[which % len(names)]
    raw = bytearray(base64url_to_bytes(answer["response"][name]))
    raw[place % len(raw)] ^= 1 << (place % 8)
    answer["response"][name] = bytes_to_base64url(bytes(raw))
    sent = client.post(path, json=answer)
    # What a registration's client data says beside type, challenge and origin is not signed.
    assert sent.status_code < 500
    assert "set-cookie" not in sent.headers


@given(junk=st.binary(max_size=200))
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_attestation_object_makes_it_fail(client: TestClient, junk: bytes) -> None:
    answer = Authenticator(ORIGIN).create(options(client, "registration-options"))
    answer["response"]["attestationObject"] = bytes_to_base64url(b"\xa3" + junk)
    assert code(client.post(f"{PATH}/registrations", json=answer)) == "passkey-refused"


@BOTH
@pytest.mark.parametrize("has_consented", [True, False])
def test_an_erasure_leaves_the_passkey_that_tells_what_became_of_it(
    client: TestClient, running: Running, passkey: Authenticator, *, has_consented: bool
) -> None:
    """A passkey cannot be registered again: without it nobody could ever look."""
    address = register(client, passkey).json()["address"]
    site = "0x" + "5" * 40
    if has_consented:
        with running.service.sessions.begin() as database:
            database.add(
                IndexedToken(
                    token_id=token_id(1, site, secrets.randbits(32)),
                    study_id=1,
                    site=site,
                    holder=address,
                    granted_block=1,
                    granted_tx=bytes(32),
                )
            )
    assert use(client, passkey).status_code == 201
    erased = client.post("/v1/me/erasure", json={}, headers=OWN)
    assert erased.status_code == 202, erased.text
    assert erased.json()["erased"]["passkeys"] == (0 if has_consented else 1)
    assert client.get("/v1/me/erasure").status_code == 401
    again = use(client, passkey)
    if has_consented:
        assert again.status_code == 201
        assert [one["site"] for one in client.get("/v1/me/erasure").json()] == [site]
    else:
        assert code(again) == "passkey-unknown"
