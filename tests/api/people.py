"""People at the service: signing in as they would, with real signatures."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from siwe import SiweMessage

from api.signin.scopes import ALL_SCOPES


def visitor(client: TestClient) -> TestClient:
    """Another browser at the same service: it has cookies of its own."""
    return TestClient(client.app, base_url=str(client.base_url))


def sign_in_message(client: TestClient, address: str, **changes: Any) -> str:
    """The text that a wallet shows, with a fresh nonce; `changes` are to its members."""
    asked = client.post("/v1/signin/nonce").json()
    members: dict[str, Any] = {
        "domain": asked["domain"],
        "address": address,
        "uri": asked["uri"],
        "version": "1",
        "chain_id": asked["chain_id"],
        "nonce": asked["nonce"],
        "issued_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "statement": "Sign in to Assent.",
    }
    return str(SiweMessage(**members | changes).prepare_message())


def wallet_signature(account: LocalAccount, message: str) -> str:
    """What `personal_sign` gives (ERC-191)."""
    return "0x" + bytes(account.sign_message(encode_defunct(text=message)).signature).hex()


def sign_in(browser: TestClient, account: LocalAccount) -> dict[str, Any]:
    """Signs in with a message; the session's cookie stays in the browser."""
    message = sign_in_message(browser, account.address)
    signature = wallet_signature(account, message)
    answer = browser.post("/v1/signin/ethereum", json={"message": message, "signature": signature})
    assert answer.status_code == 201, answer.text
    signed_in: dict[str, Any] = answer.json()
    return signed_in


def signed_in(
    client: TestClient, account: LocalAccount, scopes: Collection[str] = ALL_SCOPES
) -> dict[str, str]:
    """Headers with an access token of the account. The client itself gets no cookie."""
    browser = visitor(client)
    sign_in(browser, account)
    made = browser.post(
        "/v1/access-tokens",
        json={"name": "test", "scopes": sorted(scopes)},
        headers={"Origin": str(browser.base_url).rstrip("/")},
    )
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['token']}"}
