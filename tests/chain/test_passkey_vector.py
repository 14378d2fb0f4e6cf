"""docs/vectors/passkey.json is what an app gets from a browser, and what the contracts accept.

`RECORD_PASSKEY=1 pytest tests/chain/test_passkey_vector.py` records another, in a real browser. It
is never the same twice: the key does not leave the authenticator.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from web3 import Web3

from chain.artifacts import artifact
from chain.errors import RpcRefused
from chain.messages import Revocation, account_of_signer, consent_domain, token_id
from chain.passkeys import passkey_signer, webauthn_signature
from stack.binaries import ROOT
from tests.browser_passkey import BrowserPasskey
from tests.world import World

PATH = ROOT / "docs" / "vectors" / "passkey.json"


def record() -> dict[str, Any]:
    """A revocation as the one that `assent patient vectors` writes, signed with a new passkey."""
    contract, site, verifier = ("0x" + byte * 20 for byte in ("11", "22", "99"))
    message, domain = Revocation(token_id(1, site, 5)), consent_domain(31337, contract)
    digest = message.digest(domain)
    with BrowserPasskey() as passkey:
        said = passkey.assert_challenge(digest)
        signer = passkey_signer(verifier, passkey.public_key)
    signature = webauthn_signature(
        signer, digest, said.authenticator_data, said.client_data_json, said.signature
    )
    return {
        "public_key": "0x" + passkey.public_key.hex(),
        "verifier": verifier,
        "signer": "0x" + signer.hex(),
        "holder": account_of_signer(signer),
        "typed_data": message.typed_data(domain),
        "digest": "0x" + digest.hex(),
        "assertion": {
            "authenticatorData": "0x" + said.authenticator_data.hex(),
            "clientDataJSON": said.client_data_json.decode("utf-8"),
            "signature": "0x" + said.signature.hex(),
        },
        "signature": "0x" + signature.hex(),
    }


if "RECORD_PASSKEY" in os.environ:
    PATH.write_text(json.dumps(record(), indent=2) + "\n", encoding="utf-8")
VECTOR = json.loads(PATH.read_text(encoding="utf-8"))
SIGNER, DIGEST, SIGNATURE = (
    bytes.fromhex(VECTOR[name][2:]) for name in ("signer", "digest", "signature")
)
# IERC7913SignatureVerifier.verify.selector, and what stands for "no".
VALID, INVALID = keccak(text="verify(bytes,bytes32,bytes)")[:4], b"\xff" * 4


def test_another_implementation_of_eip_712_gives_the_challenge() -> None:
    signable = encode_typed_data(full_message=VECTOR["typed_data"])
    assert keccak(b"\x19" + signable.version + signable.header + signable.body) == DIGEST


def test_signer_holder_and_signature_follow_from_what_the_browser_gave() -> None:
    public_key = bytes.fromhex(VECTOR["public_key"][2:])
    assert passkey_signer(VECTOR["verifier"], public_key) == SIGNER
    assert account_of_signer(SIGNER) == VECTOR["holder"]
    said = VECTOR["assertion"]
    data, der = (bytes.fromhex(said[name][2:]) for name in ("authenticatorData", "signature"))
    client_data = said["clientDataJSON"].encode()
    assert webauthn_signature(SIGNER, DIGEST, data, client_data, der) == SIGNATURE


def test_the_deployed_verifier_accepts_it_and_no_change_of_it(module_world: World) -> None:
    verifier = module_world.chain().w3.eth.contract(
        address=Web3.to_checksum_address(module_world.deployment.webauthn_verifier),
        abi=artifact("ERC7913WebAuthnVerifier").abi,
    )

    def answer(key: bytes, digest: bytes, signature: bytes) -> bytes:
        try:
            return bytes(verifier.functions.verify(key, digest, signature).call())
        except RpcRefused as refused:
            # Where the client data is looked for far behind its end.
            assert "out of gas" in str(refused)
            return INVALID

    key = SIGNER[20:]
    assert answer(key, DIGEST, SIGNATURE) == VALID
    assert answer(flipped(key, 63), DIGEST, SIGNATURE) == INVALID
    assert answer(key, flipped(DIGEST, 0), SIGNATURE) == INVALID
    changes = [place for place in range(len(SIGNATURE)) if place not in unread()]
    for place in changes[::5]:
        assert answer(key, DIGEST, flipped(SIGNATURE, place)) == INVALID, place


def unread() -> set[int]:
    """Places of zeros that fill up words after the two byte strings: nothing reads them."""
    data, text = (int.from_bytes(SIGNATURE[start : start + 32]) for start in (128, 160))
    found: set[int] = set()
    for start in (data, text):
        length = int.from_bytes(SIGNATURE[start : start + 32])
        end = start + 32 + length
        found |= set(range(end, end + -length % 32))
    return found


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("name", ["signer", "digest", "signature", "holder"])
def test_hex_is_lower_case_or_a_checksum(name: str) -> None:
    value = VECTOR[name]
    assert value == value.lower() or Web3.is_checksum_address(value)
