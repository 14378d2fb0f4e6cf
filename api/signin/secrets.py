"""What the service hands out and keeps only a hash of: nonces, session and access tokens."""

from __future__ import annotations

import hashlib
import re
import secrets

#: 32 random bytes cannot be guessed, so a plain SHA-256 of them cannot be turned back.
SECRET_BYTES = 32
_HEX = re.compile(r"[0-9a-f]{64}")


def new_secret() -> str:
    """32 random bytes as lower-case hex: letters and digits, as ERC-4361 asks of a nonce."""
    return secrets.token_hex(SECRET_BYTES)


def new_id() -> str:
    """A name for something that is not secret; it tells nothing."""
    return secrets.token_hex(16)


def digest_of(secret: str) -> bytes | None:
    """SHA-256 of a secret's bytes; None for what is no secret of ours."""
    if not _HEX.fullmatch(secret):
        return None
    return hashlib.sha256(bytes.fromhex(secret)).digest()
