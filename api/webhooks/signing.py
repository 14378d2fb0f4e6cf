"""The Standard Webhooks signature scheme, version 1 (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> bytes:
    """32 random bytes; the scheme asks for 24 to 64."""
    return secrets.token_bytes(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """As its owner is shown it, once: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`webhook-signature`: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def headers(
    secret: bytes, message_id: str, timestamp: int, body: bytes, expires_at: datetime
) -> dict[str, str]:
    """What a message carries; `timestamp` is wall time (s) of this attempt.

    `assent-webhook-expires` says when the webhook ends, so that a receiver can renew it in time.
    """
    return {
        "Content-Type": "application/json",
        "User-Agent": "Assent-Webhooks/1",
        "assent-webhook-expires": expires_at.isoformat(timespec="seconds"),
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }
