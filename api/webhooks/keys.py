"""Keys under which webhooks' secrets lie in the database (AES-256-GCM, NIST SP 800-38D).

Who reads the database, or a copy of it, cannot sign as the service does: the keys are in files of
their own. A row says by name which key it lies under, so that keys can be replaced.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# A fresh nonce each time: SP 800-38D allows 2^32 random ones of 96 bits under one key.
_NONCE_BYTES = 12
_KEY = re.compile(rb"0x[0-9a-fA-F]{64}")


class SecretUnusable(Exception):
    """A secret cannot be opened: its row was changed, or copied from another webhook."""


@dataclass(frozen=True)
class WebhookKey:
    """One key of 32 bytes. Its name is of its content, wherever its file lies."""

    key: bytes

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a file with 0x and 64 hexadecimal digits. Raises ValueError, OSError."""
        text = path.read_bytes().strip()
        if not _KEY.fullmatch(text):
            raise ValueError("it does not hold a key: 0x and 64 hexadecimal digits")
        return cls(bytes.fromhex(text[2:].decode()))

    @property
    def name(self) -> str:
        """16 hexadecimal digits; they tell nothing of the key."""
        return hashlib.sha256(b"assent/webhook-key/1" + self.key).hexdigest()[:16]

    def seal(self, webhook_id: str, secret: bytes) -> bytes:
        """The nonce, then the ciphertext, which opens for this webhook alone."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, secret, webhook_id.encode())

    def open(self, webhook_id: str, sealed: bytes) -> bytes:
        """The secret. Raises SecretUnusable."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, ciphertext, webhook_id.encode())
        except (InvalidTag, ValueError):
            raise SecretUnusable from None


class WebhookKeys:
    """The keys of a service: the first seals, all of them open."""

    def __init__(self, keys: Sequence[WebhookKey]) -> None:
        self._keys = {key.name: key for key in keys}
        self.newest = keys[0] if keys else None

    @classmethod
    def load(cls, paths: Sequence[Path]) -> Self:
        """Raises ValueError, OSError."""
        return cls([WebhookKey.load(path) for path in paths])

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._keys)

    def open(self, webhook_id: str, name: str | None, sealed: bytes) -> bytes:
        """A secret that lies under the key of a name; under none before there were keys.

        Raises:
            KeyError: there is no such key here.
            SecretUnusable
        """
        return sealed if name is None else self._keys[name].open(webhook_id, sealed)
