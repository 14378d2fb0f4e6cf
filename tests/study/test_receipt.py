"""Receipts: what they prove by themselves, and who can open one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import canonical_json
from audit.cohort import Status, leaf, proof, root
from chain.messages import consent_domain, token_id
from stack.binaries import ROOT
from study.receipt import Receipt, ReceiptInvalid
from study.receipt_envelope import OVERHEAD_BYTES, EnvelopeInvalid, open_sealed, seal

LEDGER, SITE = "0x" + "11" * 20, "0x" + "22" * 20
DOMAIN = consent_domain(31337, "0x" + "33" * 20)


def receipt(count: int, index: int) -> Receipt:
    """Of a tree with that many leaves, every one admitted."""
    salts = [bytes([number]) * 32 for number in range(count)]
    leaves = [
        leaf(31337, LEDGER, 1, SITE, 3, n, token_id(1, SITE, n), Status.ADMITTED, salts[n])
        for n in range(count)
    ]
    return Receipt(
        chain_id=31337,
        ledger=LEDGER,
        token_id=token_id(1, SITE, index),
        round_number=3,
        attempt=1,
        status=Status.ADMITTED,
        salt=salts[index],
        count=count,
        path=proof(leaves, index),
        root=root(leaves),
    )


@given(st.data())
@settings(max_examples=30)
def test_a_receipt_reads_as_it_was_written(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40))
    made = receipt(count, data.draw(st.integers(0, count - 1)))
    assert Receipt.parse(made.to_bytes()) == made


def test_no_member_of_a_receipt_can_be_changed() -> None:
    raw: dict[str, Any] = json.loads(receipt(5, 2).to_bytes())
    changed: dict[str, Any] = {
        "schema": "assent-receipt-2",
        "chain_id": 1,
        "ledger": "0x" + "44" * 20,
        "token_id": str(token_id(1, SITE, 3)),
        "round": 4,
        "status": 2,
        "salt": "00" * 32,
        "leaf": "00" * 32,
        "count": 9,
        "path": raw["path"][:-1],
        "root": "00" * 32,
    }
    # The attempt is not in the tree: `verify` compares it with the chain.
    assert set(changed) | {"attempt"} == set(raw)
    wrong = [raw | {name: value} for name, value in changed.items()]
    wrong += [{n: v for n, v in raw.items() if n != name} for name in raw]
    wrong += [raw | {"more": 1}, raw | {"round": True}, raw | {"path": None}]
    for one in wrong:
        with pytest.raises(ReceiptInvalid):
            Receipt.parse(canonical_json.dumps(one))
    for data in (b"", b"[]", b"{}", b"null", b"\xff"):
        with pytest.raises(ReceiptInvalid):
            Receipt.parse(data)


def test_only_the_named_key_opens_a_receipt_and_only_for_its_token_and_round() -> None:
    key, made = X25519PrivateKey.generate(), receipt(3, 1)
    private, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    sealed = seal(made.to_bytes(), public, DOMAIN, made.token_id, 3)
    assert len(sealed) == len(made.to_bytes()) + OVERHEAD_BYTES
    assert open_sealed(sealed, private, DOMAIN, made.token_id, 3) == made.to_bytes()
    other = X25519PrivateKey.generate().private_bytes_raw()
    elsewhere = dataclasses.replace(DOMAIN, chain_id=1)
    for opened in (
        (sealed, other, DOMAIN, made.token_id, 3),
        (sealed, private, elsewhere, made.token_id, 3),
        (sealed, private, DOMAIN, made.token_id + 1, 3),
        (sealed, private, DOMAIN, made.token_id, 4),
        (sealed[:-1], private, DOMAIN, made.token_id, 3),
        (b"", private, DOMAIN, made.token_id, 3),
        (sealed, private[:-1], DOMAIN, made.token_id, 3),
    ):
        with pytest.raises(EnvelopeInvalid):
            open_sealed(*opened)
    for unusable in (bytes(32), public[:-1]):
        with pytest.raises(EnvelopeInvalid):
            seal(b"receipt", unusable, DOMAIN, 1, 1)


def test_the_committed_vector_opens_to_a_receipt() -> None:
    vector = json.loads((ROOT / "docs" / "vectors" / "receipt.json").read_text())
    found = Receipt.parse(vector["receipt"].encode())
    domain = consent_domain(vector["chain_id"], vector["consent_token"])
    private, sealed = bytes.fromhex(vector["x25519_private"]), bytes.fromhex(vector["sealed"])
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    assert key.public_bytes_raw().hex() == vector["x25519_public"]
    opened = open_sealed(sealed, private, domain, found.token_id, found.round_number)
    assert opened == vector["receipt"].encode()
