"""Signing in with an Ethereum account: one message, for this service, now, once."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from httpx import Response

from tests.api.people import sign_in_message, visitor, wallet_signature
from tests.api.signin.support import BOTH, ORIGIN, MovedClock
from tests.api.signin.wallet_contract import deploy_wallet
from tests.world import World


def iso(later: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + later).isoformat(timespec="seconds").replace("+00:00", "Z")


def send(browser: TestClient, message: str, signature: str, **headers: str) -> Response:
    body = {"message": message, "signature": signature}
    answer: Response = browser.post("/v1/signin/ethereum", json=body, headers=headers)
    return answer


def refused(answer: Response) -> str:
    assert 400 <= answer.status_code < 500, answer.text
    assert "set-cookie" not in answer.headers
    return str(answer.json()["code"])


def signed(browser: TestClient, account: LocalAccount, **changes: Any) -> tuple[str, str]:
    message = sign_in_message(browser, account.address, **changes)
    return message, wallet_signature(account, message)


def test_a_signed_message_gives_a_session_that_no_script_can_read(
    client: TestClient, account: LocalAccount
) -> None:
    answer = send(client, *signed(client, account))
    assert answer.status_code == 201
    told = answer.json()
    assert told["address"] == account.address
    assert told["signer"] == account.address.lower()

    cookie = answer.headers["set-cookie"]
    name, value = cookie.partition(";")[0].split("=")
    assert name == "assent"
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {one.strip() for one in cookie.split(";")}
    assert "domain" not in cookie.lower()
    assert value not in answer.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"domain": "evil.example"}, "sign-in-mismatch"),
        ({"uri": "https://evil.example"}, "sign-in-mismatch"),
        ({"uri": f"{ORIGIN}/elsewhere"}, "sign-in-mismatch"),
        ({"scheme": "ftp"}, "sign-in-mismatch"),
        ({"chain_id": 1}, "sign-in-mismatch"),
        ({"nonce": "0f" * 32}, "nonce-unknown"),
        ({"nonce": "abcdefgh"}, "nonce-unknown"),
        ({"expiration_time": iso(-timedelta(minutes=1))}, "sign-in-out-of-time"),
        ({"not_before": iso(timedelta(hours=1))}, "sign-in-out-of-time"),
        ({"issued_at": iso(timedelta(hours=1))}, "sign-in-out-of-time"),
        ({"issued_at": iso(-timedelta(hours=1))}, "sign-in-out-of-time"),
    ],
)
def test_a_message_for_something_else_or_another_time_signs_nobody_in(
    client: TestClient, account: LocalAccount, changes: dict[str, Any], code: str
) -> None:
    assert refused(send(client, *signed(client, account, **changes))) == code


def test_limits_that_hold_now_and_a_scheme_are_fine(
    client: TestClient, account: LocalAccount
) -> None:
    changes = {
        "scheme": "http",
        "expiration_time": iso(timedelta(minutes=2)),
        "not_before": iso(-timedelta(minutes=1)),
        "statement": None,
        "request_id": "7",
        "resources": ["https://example.org/terms"],
    }
    assert send(client, *signed(client, account, **changes)).status_code == 201


def test_another_s_signature_or_a_changed_message_signs_nobody_in(
    client: TestClient, account: LocalAccount, other: LocalAccount
) -> None:
    message, signature = signed(client, account)
    for text, proof in (
        (message, wallet_signature(other, message)),
        (message.replace("Sign in to Assent.", "Sign in to Absent."), signature),
        (message, "0x"),
        (message, "0x" + "00" * 65),
        (message, "0x" + "ff" * 65),
        (message, "0x" + "11" * 64 + "1b"),
        (message, signature[:-2]),
    ):
        assert refused(send(client, text, proof)) == "sign-in-signature-wrong"
    # And none of it used the owner's nonce up.
    assert send(client, message, signature).status_code == 201


def test_a_text_that_is_not_erc_4361_is_refused_as_such(
    client: TestClient, account: LocalAccount
) -> None:
    message, _ = signed(client, account)
    for text in (
        "",
        "let me in",
        message + "\n",
        message.replace("Version: 1", "Version: 2"),
        message.replace(account.address, account.address.lower()),
        re.sub(r"Issued At: .*", "Issued At: 2026-13-41T00:00:00Z", message),
        re.sub(r"Issued At: .*", "Issued At: 0000-01-01T00:00:00Z", message),
        message.replace("Chain ID: 31337", "Chain ID: 031337"),
        "a" * 2000,
    ):
        proof = wallet_signature(account, text)
        assert refused(send(client, text, proof)) == "sign-in-message-invalid", text
    assert refused(send(client, "a" * 2001, "0x")) == "request-invalid"


@BOTH
def test_a_nonce_serves_once_and_not_for_long(
    client: TestClient, account: LocalAccount, clock: MovedClock
) -> None:
    again = signed(client, account)
    assert send(client, *again).status_code == 201
    assert refused(send(visitor(client), *again)) == "nonce-unknown"

    nonce = client.post("/v1/signin/nonce").json()["nonce"]
    clock.pass_minutes(6)
    late = signed(client, account, nonce=nonce, issued_at=iso(timedelta(minutes=6)))
    assert refused(send(client, *late)) == "nonce-unknown"


@BOTH
def test_of_many_at_once_with_one_nonce_one_is_signed_in(
    client: TestClient, account: LocalAccount
) -> None:
    message, signature = signed(client, account)
    start = threading.Barrier(6)
    codes: list[str] = []

    def run() -> None:
        browser = visitor(client)
        start.wait()
        answer = send(browser, message, signature)
        codes.append("in" if answer.status_code == 201 else refused(answer))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["in"] + ["nonce-unknown"] * 5


def test_no_foreign_page_signs_its_visitors_in(client: TestClient, account: LocalAccount) -> None:
    message, signature = signed(client, account)
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8801"):
        assert refused(send(client, message, signature, Origin=origin)) == "origin-refused"
    assert send(client, message, signature, Origin=ORIGIN).status_code == 201


def test_an_account_with_code_is_asked_whether_it_signed(
    client: TestClient, world: World, account: LocalAccount, other: LocalAccount
) -> None:
    wallet = deploy_wallet(world, owner=account)
    message = sign_in_message(client, wallet)
    assert refused(send(client, message, wallet_signature(other, message))) == (
        "sign-in-signature-wrong"
    )
    answer = send(client, message, wallet_signature(account, message))
    assert answer.status_code == 201
    assert answer.json()["address"] == wallet

    # A contract that knows nothing of ERC-1271.
    message = sign_in_message(client, world.deployment.registry)
    assert refused(send(client, message, wallet_signature(account, message))) == (
        "sign-in-signature-wrong"
    )
