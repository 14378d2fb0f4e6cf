"""Receipts are kept as ciphertext for a key that the holder signed, and shown to the holder."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.messages import ReceiptKey, account_of_signer
from chain.passkeys import passkey_signer
from study.receipt_envelope import open_sealed, seal
from study.statements import Statement
from tests.api.clinic import Clinic
from tests.software_passkey import SoftwarePasskey, base64url


def named(clinic: Clinic, holder: LocalAccount, key: X25519PrivateKey) -> dict[str, Any]:
    """Names a key as an app does; the service's answer."""
    public = "0x" + key.public_key().public_bytes_raw().hex()
    as_holder = clinic.as_(holder)
    draft = as_holder.post("/me/receipt-key/drafts", {"x25519": public}).json()
    issued = int(draft["typed_data"]["message"]["issuedAt"])
    said = ReceiptKey(holder.address, bytes.fromhex(public[2:]), issued)
    domain = clinic.chain.consent.domain
    assert draft["digest"] == "0x" + said.digest(domain).hex()
    answer = as_holder.put("/me/receipt-key", Statement.sign(said, domain, holder).to_json())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert as_holder.get("/me/receipt-key").json() == found
    return found


def test_a_site_brings_receipts_and_the_holder_opens_them(clinic: Clinic) -> None:
    holder, token = clinic.patient()
    clinic.index()
    world, site = clinic.world, clinic.world.sites[0]
    number = world.open_round(clinic.study)
    world.chain(world.coordinator).ledger.abort(clinic.study, number)
    key, as_site = X25519PrivateKey.generate(), clinic.as_(site)
    public = key.public_key().public_bytes_raw()
    domain = clinic.chain.consent.domain
    sealed = seal(b"a receipt", public, domain, token, number)
    body = {"x25519": "0x" + public.hex(), "sealed": "0x" + sealed.hex()}
    where = f"/receipts/{token}/{number}"
    assert as_site.put(where, body).json()["code"] == "receipt-key-missing"

    statement = named(clinic, holder, key)["statement"]
    wanted = as_site.get(f"/receipts/wanted?study_id={clinic.study}&limit=200").json()["items"]
    mine = next(one for one in wanted if one["token_id"] == str(token))
    assert (mine["receipt_key"], mine["held"]) == (statement, [])
    for _ in range(2):
        assert as_site.put(where, body).status_code == 204
    held = as_site.get(f"/receipts/wanted?study_id={clinic.study}&limit=200").json()["items"]
    assert next(one for one in held if one["token_id"] == str(token))["held"] == [number]
    (receipt,) = clinic.as_(holder).get(f"/consents/{token}/receipts").json()
    opened = open_sealed(
        bytes.fromhex(receipt["sealed"][2:]), key.private_bytes_raw(), domain, token, number
    )
    assert opened == b"a receipt"

    other_site = clinic.as_(world.sites[1])
    assert other_site.put(where, body).status_code == 404
    assert as_site.put(f"/receipts/{token}/{number + 99}", body).status_code == 404
    theirs = other_site.get(f"/receipts/wanted?study_id={clinic.study}").json()["items"]
    assert all(one["token_id"] != str(token) for one in theirs)

    # Who has lost the key names another; what the first one opens counts as not held.
    named(clinic, holder, X25519PrivateKey.generate())
    assert as_site.put(where, body).json()["code"] == "receipt-key-missing"
    again = as_site.get(f"/receipts/wanted?study_id={clinic.study}&limit=200").json()["items"]
    assert next(one for one in again if one["token_id"] == str(token))["held"] == []


def test_a_key_is_taken_only_from_its_holder_and_never_an_older_one(clinic: Clinic) -> None:
    holder: LocalAccount = Account.create()
    other: LocalAccount = Account.create()
    domain, as_holder = clinic.chain.consent.domain, clinic.as_(holder)
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    assert as_holder.get("/me/receipt-key").status_code == 404

    def put(said: ReceiptKey, by: LocalAccount, **changes: Any) -> str:
        body = Statement.sign(said, domain, by).to_json() | changes
        answer = as_holder.put("/me/receipt-key", body)
        return "" if answer.status_code == 200 else str(answer.json()["code"])

    at = clinic.chain.head().timestamp
    mine = ReceiptKey(holder.address, public, at)
    assert put(mine, other) == "signature-unusable"
    assert put(mine, holder, signature="0x" + "00" * 65) == "signature-unusable"
    assert put(mine, holder, typed_data={}) == "signature-unusable"
    assert put(mine, holder, signer=None) == "signature-unusable"
    assert put(ReceiptKey(other.address, public, at), holder) == "receipt-key-refused"
    assert put(ReceiptKey(holder.address, bytes(32), at), holder) == "receipt-key-refused"
    assert put(ReceiptKey(holder.address, public, at + 10**6), holder) == "receipt-key-refused"
    assert put(mine, holder) == ""
    assert put(ReceiptKey(holder.address, public, at - 1), holder) == "receipt-key-older"


def test_a_passkey_can_name_a_key(clinic: Clinic) -> None:
    """As sign-in with a passkey does not belong here, an account asks; the signature is judged."""
    passkey = SoftwarePasskey()
    verifier = clinic.chain.deployment.webauthn_verifier
    signer = passkey_signer(verifier, passkey.public_key)
    domain = clinic.chain.consent.domain
    said = ReceiptKey(account_of_signer(signer), bytes(range(32)), 1)
    found = Statement.of_assertion(
        said.typed_data(domain),
        ReceiptKey,
        passkey.public_key,
        passkey.assertion(said.digest(domain)),
        verifier,
    )
    found.require_of(clinic.chain, account_of_signer(signer))
    body = {
        "typed_data": said.typed_data(domain),
        "public_key": base64url(passkey.public_key),
        "assertion": passkey.assertion(said.digest(domain)),
    }
    refused = clinic.as_(Account.create()).put("/me/receipt-key", body)
    assert refused.json()["code"] == "signature-unusable"
