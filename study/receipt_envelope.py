"""Receipts encrypted to a patient's X25519 key: HPKE (RFC 9180), mode base, single shot.

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; all of it is in a browser's WebCrypto.
The bytes are enc (32) || ciphertext. `info` binds them to a deployment, a token and a round:

    "assent/receipt/1" || chain id 32 || ConsentToken 20 || token 32 || round 4      (big endian)

Base mode does not say who encrypted: what a receipt proves comes from the chain, not from that.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from chain.messages import Domain

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
#: enc and the AEAD's tag.
OVERHEAD_BYTES = 32 + 16


class EnvelopeInvalid(Exception):
    """The bytes cannot be opened with this key, or a key cannot be used. The message says why."""


def seal(receipt: bytes, x25519: bytes, domain: Domain, token_id: int, round_number: int) -> bytes:
    """The receipt's bytes for the holder of a key alone; fresh randomness at each call.

    Args:
        x25519: public key, 32 bytes, as the holder's ReceiptKey names it.
        domain: `chain.messages.consent_domain`.

    Raises:
        EnvelopeInvalid: the key is none, or one of low order (RFC 7748, section 6.1).
    """
    try:
        key = X25519PublicKey.from_public_bytes(x25519)
        return _SUITE.encrypt(receipt, key, _info(domain, token_id, round_number))
    except ValueError:
        raise EnvelopeInvalid("the receipt key is no usable X25519 key") from None


def open_sealed(
    sealed: bytes, private: bytes, domain: Domain, token_id: int, round_number: int
) -> bytes:
    """What `seal` was given. `private` is the X25519 private key, 32 bytes.

    Raises:
        EnvelopeInvalid: it was sealed to another key, or for another token, round or deployment,
            or was altered.
    """
    try:
        key = X25519PrivateKey.from_private_bytes(private)
        return _SUITE.decrypt(sealed, key, _info(domain, token_id, round_number))
    except (InvalidTag, ValueError):
        raise EnvelopeInvalid(
            "it was not encrypted to this key for this token and round, or was altered since"
        ) from None


def _info(domain: Domain, token_id: int, round_number: int) -> bytes:
    return (
        b"assent/receipt/1"
        + domain.chain_id.to_bytes(32)
        + bytes.fromhex(domain.contract[2:])
        + token_id.to_bytes(32)
        + round_number.to_bytes(4)
    )
