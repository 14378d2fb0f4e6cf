"""Keys from secrets: HKDF-SHA256 whose context no two uses can share."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive_key(secret: bytes, label: str, *fields: bytes | int) -> bytes:
    """Derive 32 bytes from a secret of at least 32 bytes (RFC 5869, HKDF-SHA256, no salt).

    Every field goes into HKDF's info behind its length, so that no two lists of fields read the
    same; integers are 32 bytes, big endian.

    Raises:
        ValueError: the secret is too short, or an integer does not fit.
    """
    if len(secret) < 32:
        raise ValueError(f"a secret has at least 32 bytes, this one has {len(secret)}")
    info = b"".join(_with_length(part) for part in (label.encode("ascii"), *fields))
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def address_bytes(address: str) -> bytes:
    """The 20 bytes of an Ethereum address.

    Raises:
        ValueError: it is not "0x" and 40 hexadecimal digits.
    """
    if len(address) != 42 or not address.startswith("0x"):
        raise ValueError(f"{address!r} is not an address (0x and 40 hexadecimal digits)")
    return bytes.fromhex(address[2:])


def hash_bytes(value: bytes, name: str) -> bytes:
    """`value` when it has the 32 bytes of a hash or key, else ValueError with its name."""
    if len(value) != 32:
        raise ValueError(f"{name} has {len(value)} bytes; it must have 32")
    return value


def _with_length(part: bytes | int) -> bytes:
    if isinstance(part, int):
        if not 0 <= part < 1 << 256:
            raise ValueError(f"the integer {part} does not fit 32 bytes")
        part = part.to_bytes(32, "big")
    return len(part).to_bytes(4, "big") + part
