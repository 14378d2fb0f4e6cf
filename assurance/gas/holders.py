"""Holders of the three kinds that the consent token knows, with keys that are the same each run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import PrivateKey

from assurance.gas.node import GasNode
from chain.deployment import Deployment
from chain.messages import account_of_signer, signer_of_account
from chain.passkeys import passkey_signer, sign_p256, webauthn_signature

KINDS = ("eoa", "p256", "webauthn")
"""An account's key, a P-256 key that signs the digest, and a browser's passkey."""

_CLIENT_DATA = {"origin": "https://consent.example.org", "crossOrigin": False}
_PRESENT_AND_VERIFIED = 0x05


@dataclass(frozen=True)
class Holder:
    """`account` holds the token; `signer` is its ERC-7913 signer; `sign` takes a 32-byte digest."""

    account: str
    signer: bytes
    sign: Callable[[bytes], bytes]


def holder_of(kind: str, name: str, node: GasNode, deployment: Deployment) -> Holder:
    """A holder with a key derived from `name`. Raises KeyError for another kind than `KINDS`."""
    account = node.account(name)
    if kind == "eoa":
        return Holder(account.address, signer_of_account(account.address), account_sign(account))
    key = ec.derive_private_key(int.from_bytes(account.key) >> 1, ec.SECP256R1())
    verifier, sign = {
        "p256": (deployment.p256_verifier, _p256_sign),
        "webauthn": (deployment.webauthn_verifier, _webauthn_sign),
    }[kind]
    signer = passkey_signer(verifier, key.public_key())
    return Holder(account_of_signer(signer), signer, lambda digest: sign(key, signer, digest))


def account_sign(account: LocalAccount) -> Callable[[bytes], bytes]:
    """65 bytes r || s || v over a digest, v 27 or 28."""

    def sign(digest: bytes) -> bytes:
        signature = PrivateKey(bytes(account.key)).sign_msg_hash(digest).to_bytes()
        return signature[:64] + bytes([signature[64] + 27])

    return sign


def _p256_sign(key: ec.EllipticCurvePrivateKey, _signer: bytes, digest: bytes) -> bytes:
    return sign_p256(key, digest)


def _webauthn_sign(key: ec.EllipticCurvePrivateKey, signer: bytes, digest: bytes) -> bytes:
    """As an authenticator and a browser make an assertion (WebAuthn level 2, 5.8.1 and 6.3.3)."""
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    client_data = {"type": "webauthn.get", "challenge": challenge, **_CLIENT_DATA}
    said = json.dumps(client_data, separators=(",", ":")).encode()
    rp_id_hash = hashlib.sha256(b"consent.example.org").digest()
    authenticator_data = rp_id_hash + bytes([_PRESENT_AND_VERIFIED]) + bytes(4)
    signed = authenticator_data + hashlib.sha256(said).digest()
    der = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return webauthn_signature(signer, digest, authenticator_data, said, der)
