"""An enrolment as a file: what a site hands to a patient, and the patient's app grants with.

JSON, schema "assent-enrolment-2":

    {"schema": "assent-enrolment-2",
     "chain_id": 31337,                  number
     "consent_token": "0x...",           EIP-55 address of the ConsentToken
     "enrolment": {"study_id": 1, "site": "0x...", "holder": "0x...",
                   "record_tag": "0x<64 hex>", "record_commitment": "0x<64 hex>",
                   "issued_at": 1764547200, "deadline": 1767225600},
     "signature": "0x<130 hex>"}         the site's enrolment key, EIP-712

It names no record and serves its holder alone, for one token at a time, from `issued_at` until its
deadline (seconds since 1970); revoking the token voids it. Integers above 2^53 - 1 would be decimal
strings; none of these is so large.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.messages import Domain, Enrolment, consent_domain, recover
from chain.new_file import save_new

SCHEMA = "assent-enrolment-2"
_MEMBERS = ("schema", "chain_id", "consent_token", "enrolment", "signature")
_LARGEST_NUMBER = 2**53 - 1


class EnrolmentFileInvalid(Exception):
    """A file is not an enrolment, or its signature does not fit. The message names the place."""


@dataclass(frozen=True)
class EnrolmentFile:
    """One signed enrolment and the contract that it is for."""

    chain_id: int
    consent_token: str
    enrolment: Enrolment
    signature: bytes

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of the signature."""
        return consent_domain(self.chain_id, self.consent_token)

    @property
    def signer(self) -> str:
        """Who signed: to be compared with the enrolment key that the registry has for the site."""
        return recover(self.enrolment.digest(self.domain), self.signature)

    def to_json(self) -> dict[str, Any]:
        """The file's one JSON object."""
        values = dataclasses.asdict(self.enrolment)
        return {
            "schema": SCHEMA,
            "chain_id": self.chain_id,
            "consent_token": self.consent_token,
            "enrolment": {
                name: "0x" + value.hex() if isinstance(value, bytes) else value
                for name, value in values.items()
            },
            "signature": "0x" + self.signature.hex(),
        }

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        return json.dumps(self.to_json(), indent=2).encode() + b"\n"

    def save(self, path: Path) -> None:
        """Writes a new file of mode 0600.

        Raises:
            FileExistsError: there is one.
        """
        try:
            save_new(path, self.to_json())
        except FileExistsError:
            raise FileExistsError(f"{path} exists; name another file") from None

    @classmethod
    def load(cls, path: Path) -> EnrolmentFile:
        """Reads a file and checks everything but the chain's own facts.

        Raises:
            EnrolmentFileInvalid: it names the file and the member.
        """
        try:
            return cls.parse(path.read_bytes())
        except OSError as error:
            raise EnrolmentFileInvalid(f"{path} cannot be read: {error.strerror}") from error
        except EnrolmentFileInvalid as error:
            raise EnrolmentFileInvalid(f"{path} is not a usable enrolment: {error}") from None

    @classmethod
    def parse(cls, data: bytes) -> EnrolmentFile:
        """As `load`, from bytes."""
        try:
            raw = json.loads(data)
        except ValueError:
            raise EnrolmentFileInvalid("it is not JSON") from None
        _require_members(raw, _MEMBERS, "the file")
        if raw["schema"] != SCHEMA:
            raise EnrolmentFileInvalid(
                f"its schema is {raw['schema']!r}, not {SCHEMA!r}; ask the site for a new enrolment"
            )
        try:
            found = cls(
                _number(raw["chain_id"], "chain_id"),
                raw["consent_token"],
                _enrolment(raw["enrolment"]),
                _bytes(raw["signature"], 65, "signature"),
            )
            _ = found.signer
        except EnrolmentFileInvalid:
            raise
        except (ValueError, TypeError) as error:
            raise EnrolmentFileInvalid(str(error)) from None
        return found


def _enrolment(raw: Any) -> Enrolment:
    fields = dataclasses.fields(Enrolment)
    _require_members(raw, [field.name for field in fields], "enrolment")
    values: dict[str, Any] = {
        name: _number(raw[name], name)
        if name in ("study_id", "issued_at", "deadline")
        else raw[name]
        if name in ("site", "holder")
        else _bytes(raw[name], 32, name)
        for name in raw
    }
    return Enrolment(**values)


def _require_members(raw: Any, names: Any, where: str) -> None:
    if not isinstance(raw, dict) or set(raw) != set(names):
        raise EnrolmentFileInvalid(f"{where} must have the members {', '.join(names)} and no other")


def _number(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST_NUMBER:
        raise EnrolmentFileInvalid(f"{name} is not a whole number from 0 to 2^53 - 1")
    return value


def _bytes(value: Any, size: int, name: str) -> bytes:
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) == 2 + 2 * size:
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise EnrolmentFileInvalid(f"{name} is not 0x and {2 * size} hexadecimal digits")
