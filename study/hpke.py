"""HPKE (RFC 9180), mode base, single shot, to one X25519 key; browsers' WebCrypto has all of it.

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The bytes are enc (32) || ciphertext.
Base mode does not say who encrypted.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
#: enc and the AEAD's tag.
OVERHEAD_BYTES = 32 + 16


class EnvelopeInvalid(Exception):
    """The bytes cannot be opened with this key, or a key cannot be used. The message says why."""


def encrypt(data: bytes, x25519: bytes, info: bytes) -> bytes:
    """For the holder of a key alone, bound to ``info``; fresh randomness at each call.

    Raises:
        EnvelopeInvalid: the key is none, or one of low order (RFC 7748, section 6.1).
    """
    try:
        return _SUITE.encrypt(data, X25519PublicKey.from_public_bytes(x25519), info)
    except ValueError:
        raise EnvelopeInvalid("that is no usable X25519 key") from None


def decrypt(sealed: bytes, private: bytes, info: bytes, bound_to: str) -> bytes:
    """What `encrypt` was given. `private` is the X25519 private key, 32 bytes.

    Raises:
        EnvelopeInvalid: it was encrypted to another key or with another ``info``, which
            ``bound_to`` says in words, or was altered.
    """
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info)
    except (InvalidTag, ValueError):
        raise EnvelopeInvalid(
            f"it was not encrypted to this key for this {bound_to}, or was altered since"
        ) from None
