"""Receipts encrypted to a patient's X25519 key by `study.hpke`.

`info` binds them to a deployment, a token and a round:

    "assent/receipt/1" || chain id 32 || ConsentToken 20 || token 32 || round 4      (big endian)

Base mode does not say who encrypted: what a receipt proves comes from the chain, not from that.
"""

from __future__ import annotations

from chain.messages import Domain
from study.hpke import OVERHEAD_BYTES, EnvelopeInvalid, decrypt, encrypt

__all__ = ["OVERHEAD_BYTES", "EnvelopeInvalid", "open_sealed", "seal"]


def seal(receipt: bytes, x25519: bytes, domain: Domain, token_id: int, round_number: int) -> bytes:
    """The receipt's bytes for the holder of a key alone; fresh randomness at each call.

    Args:
        x25519: public key, 32 bytes, as the holder's ReceiptKey names it.
        domain: `chain.messages.consent_domain`.

    Raises:
        EnvelopeInvalid: the key is none, or one of low order (RFC 7748, section 6.1).
    """
    return encrypt(receipt, x25519, _info(domain, token_id, round_number))


def open_sealed(
    sealed: bytes, private: bytes, domain: Domain, token_id: int, round_number: int
) -> bytes:
    """What `seal` was given. `private` is the X25519 private key, 32 bytes.

    Raises:
        EnvelopeInvalid: it was sealed to another key, or for another token, round or deployment,
            or was altered.
    """
    return decrypt(sealed, private, _info(domain, token_id, round_number), "token and round")


def _info(domain: Domain, token_id: int, round_number: int) -> bytes:
    return (
        b"assent/receipt/1"
        + domain.chain_id.to_bytes(32)
        + bytes.fromhex(domain.contract[2:])
        + token_id.to_bytes(32)
        + round_number.to_bytes(4)
    )
