"""A passkey in software: it answers as a browser's authenticator does, for tests without one."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# User present and verified (WebAuthn level 3, section 6.1).
_FLAGS = 0x05


class SoftwarePasskey:
    """`public_key` is SubjectPublicKeyInfo in DER, as `response.getPublicKey()` gives it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def assertion(self, digest: bytes) -> dict[str, Any]:
        """`credential.toJSON()` for a challenge."""
        client_data = (
            '{"type":"webauthn.get","challenge":"' + base64url(digest) + '",'
            '"origin":"https://assent.example.org","crossOrigin":false}'
        ).encode()
        data = hashlib.sha256(b"assent.example.org").digest() + bytes([_FLAGS]) + bytes(4)
        signed = data + hashlib.sha256(client_data).digest()
        response = {
            "authenticatorData": base64url(data),
            "clientDataJSON": base64url(client_data),
            "signature": base64url(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))),
        }
        assert json.loads(client_data)
        return {"type": "public-key", "response": response}


def base64url(data: bytes) -> str:
    """Without padding, as browsers write it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
