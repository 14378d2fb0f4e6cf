"""A one-time code, by which a patient's app gets its enrolment without meeting the site again.

The site makes 16 random bytes and shows them to the patient, as text or in a QR code. Everything
else comes from them by HKDF-SHA256 (RFC 5869, no salt, info below, 32 bytes each):

    "assent/enrolment-code/1/locator"    under which the service keeps the offer
    "assent/enrolment-code/1/claim"      HMAC-SHA256 key of the patient's claim
    "assent/enrolment-code/1/enrolment"  AES-256-GCM key of the enrolment that comes back

The service never sees the code. So it cannot put another address in the patient's place (the claim
authenticates study, site and holder), and it does not read what the site answers: an enrolment
names no record, but who never grants need not be known to the service as somebody's patient.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CODE_BYTES = 16
_NONCE_BYTES = 12
# What people read wrong: base32 (RFC 4648) has no 0, 1 and 8.
_MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B", "-": None, " ": None})


class CodeInvalid(Exception):
    """It is no code, or something was not made with it. The message never repeats the code."""


@dataclass(frozen=True)
class EnrolmentCode:
    """One code; it stays out of its repr."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != CODE_BYTES:
            raise CodeInvalid(f"a code has {CODE_BYTES} bytes")

    @classmethod
    def make(cls) -> EnrolmentCode:
        """A fresh one."""
        return cls(secrets.token_bytes(CODE_BYTES))

    @classmethod
    def parse(cls, text: str) -> EnrolmentCode:
        """From what a person typed, or from a link that ends in #CODE. Raises CodeInvalid."""
        typed = text.rpartition("#")[2].upper().translate(_MISREAD).strip()
        try:
            code = cls(base64.b32decode(typed + "=" * (-len(typed) % 8)))
        except (binascii.Error, ValueError, CodeInvalid):
            raise CodeInvalid(
                "that is no enrolment code: 26 letters and digits, as the hospital showed them"
            ) from None
        if code.text.replace("-", "") != typed:
            raise CodeInvalid("that is no enrolment code: its last character cannot be right")
        return code

    @property
    def text(self) -> str:
        """Base32 in groups of five letters, such as `ABCDE-...`."""
        plain = base64.b32encode(self.secret).decode().rstrip("=")
        return "-".join(plain[at : at + 5] for at in range(0, len(plain), 5))

    def link(self, origin: str) -> str:
        """What the QR code holds: a browser sends no server what follows the #."""
        return f"{origin.rstrip('/')}/enrol#{self.text}"

    @property
    def locator(self) -> bytes:
        """Where the offer lies, 32 bytes; it tells nothing of the code."""
        return self._derived("locator")

    def claim(self, study_id: int, site: str, holder: str) -> bytes:
        """The patient's claim for an address, 32 bytes: HMAC-SHA256 over
        "assent/enrolment-claim/1" || study 8 || site 20 || holder 20, integers big endian.
        """
        message = (
            b"assent/enrolment-claim/1"
            + study_id.to_bytes(8)
            + bytes.fromhex(site[2:])
            + bytes.fromhex(holder[2:])
        )
        return hmac.new(self._derived("claim"), message, hashlib.sha256).digest()

    def is_claim(self, claim: bytes, study_id: int, site: str, holder: str) -> bool:
        """Whether a claim is by somebody who has the code."""
        return hmac.compare_digest(claim, self.claim(study_id, site, holder))

    def seal(self, enrolment: bytes) -> bytes:
        """An enrolment file's bytes as the service may hold them: nonce 12 || ciphertext || tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._derived("enrolment")).encrypt(nonce, enrolment, self.locator)

    def open(self, sealed: bytes) -> bytes:
        """What `seal` was given. Raises CodeInvalid."""
        try:
            return AESGCM(self._derived("enrolment")).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self.locator
            )
        except (InvalidTag, ValueError):
            raise CodeInvalid("what the service gave was not made with this code") from None

    def _derived(self, purpose: str) -> bytes:
        info = b"assent/enrolment-code/1/" + purpose.encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self.secret)
