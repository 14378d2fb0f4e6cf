"""What the endpoints of consents take and give."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.blocks import BlockShown

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_SITE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
TOKEN = "6277101735386680764856636523970481806547819498980467802112"  # noqa: S105 - no secret

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", examples=[_ADDRESS])]
Hex32 = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$", examples=["0x" + "1b" * 32])]
Seconds = Annotated[int, Field(ge=0, le=2**40 - 1)]
Study = Annotated[int, Field(ge=1, le=2**53 - 1)]


def example(value: dict[str, Any]) -> ConfigDict:
    """A model's configuration: no other member is taken, and this is what one looks like."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


def _is_base64url(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]*={0,2}", text):
        raise ValueError("not base64url")
    bytes_of_base64url(text)
    return text


def bytes_of_base64url(text: str) -> bytes:
    """The bytes of base64url, with or without padding. Raises ValueError."""
    try:
        plain = text.rstrip("=")
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None


Base64Url = Annotated[str, Field(max_length=100_000), AfterValidator(_is_base64url)]

_ENROLMENT: dict[str, Any] = {
    "schema": "assent-enrolment-2",
    "chain_id": 31337,
    "consent_token": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    "enrolment": {
        "study_id": 1,
        "site": _SITE,
        "holder": _ADDRESS,
        "record_tag": "0x" + "66" * 32,
        "record_commitment": "0x" + "33" * 32,
        "issued_at": 1767225540,
        "deadline": 1769817600,
    },
    "signature": "0x" + "1b" * 65,
}


class EnrolmentMembers(BaseModel):
    """What the site signed."""

    model_config = example(_ENROLMENT["enrolment"])

    study_id: Study
    site: Address
    holder: Address
    record_tag: Hex32
    record_commitment: Hex32
    issued_at: Seconds
    deadline: Seconds


class EnrolmentBody(BaseModel):
    """An enrolment file, schema assent-enrolment-2, as the hospital gave it."""

    model_config = example(_ENROLMENT)

    schema_: str = Field(alias="schema")
    chain_id: Annotated[int, Field(ge=1, le=2**53 - 1)]
    consent_token: Address
    enrolment: EnrolmentMembers
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{130}$")]


_Name = Annotated[str, Field(max_length=64)]


class GrantChoices(BaseModel):
    """What a patient would allow: see docs/purposes.md for the names."""

    model_config = example(
        {
            "enrolment": _ENROLMENT,
            "purposes": ["training"],
            "conditions": ["not-for-profit"],
            "days": 365,
            "language": "en",
        }
    )

    enrolment: EnrolmentBody
    purposes: Annotated[list[_Name], Field(max_length=64)] = ["training"]
    conditions: Annotated[list[_Name], Field(max_length=64)] = []
    days: Annotated[int, Field(ge=1, le=36_500)] = 365
    language: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,8}$")] = "en"


class Sentence(BaseModel):
    """One subject of a summary."""

    subject: str
    says: str


_TYPED: dict[str, Any] = {
    "types": {"Revocation": [{"name": "tokenId", "type": "uint256"}]},
    "primaryType": "Revocation",
    "domain": {"name": "Assent ConsentToken", "version": "1", "chainId": 31337},
    "message": {"tokenId": TOKEN},
}


class Draft(BaseModel):
    """Something to sign. `typed_data` is for eth_signTypedData_v4; a passkey signs `digest` as its
    challenge. `act`, with `signer` and `signature` added, is what `/v1/acts` takes; null for what
    no contract takes.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "typed_data": _TYPED,
                    "digest": "0x" + "5e" * 32,
                    "summary": [{"subject": "revoking", "says": "ends this consent for good"}],
                }
            ]
        }
    )

    typed_data: dict[str, Any]
    digest: str
    summary: list[Sentence]
    act: dict[str, Any] | None = None


class GrantDraft(Draft):
    """A grant to sign, with the text that the patient reads; null when this service shows none:
    fetch it by its CID then.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "typed_data": _TYPED | {"primaryType": "Grant"},
                    "digest": "0x" + "5e" * 32,
                    "summary": [{"subject": "may be used for", "says": "training"}],
                    "language": "en",
                    "consent_text": "I allow this study. I can revoke.",
                    "consent_text_cid": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6x",
                }
            ]
        }
    )

    language: str
    consent_text: str | None
    consent_text_cid: str


class AssertionBody(BaseModel):
    """What a browser's passkey answered to the digest of a draft, as its challenge.

    `public_key` is `response.getPublicKey()` in base64url, `assertion` is `credential.toJSON()`;
    only a Grant takes an enrolment.
    """

    model_config = example(
        {
            "typed_data": _TYPED,
            "public_key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
            "assertion": {
                "response": {
                    "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAA",
                    "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
                    "signature": "MEUCIQ",
                }
            },
        }
    )

    typed_data: dict[str, Any]
    public_key: Base64Url
    assertion: dict[str, Any]
    enrolment: EnrolmentBody | None = None


class StatementBody(BaseModel):
    """A signed statement that no contract takes: either `signer` and `signature` (0x hex), or a
    passkey's `public_key` and `assertion`, as in an assertion.
    """

    model_config = example(
        {"typed_data": _TYPED, "signer": _ADDRESS.lower(), "signature": "0x" + "1b" * 65}
    )

    typed_data: dict[str, Any]
    signer: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2}){20,1024}$")] | None = None
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2}){0,8192}$")] | None = None
    public_key: Base64Url | None = None
    assertion: dict[str, Any] | None = None


class Happened(BaseModel):
    """When and where on the chain; block and transaction are null until the index has them."""

    at: int
    block: BlockShown | None
    transaction: str | None


class ConsentShown(BaseModel):
    """A consent as the chain has it at `as_of`.

    `active`: for what it grants; `rounds_may_use_it`: for all that the study does, by the terms in
    force. Both are the contract's answer. Times ending in `_at` are seconds since 1970; the use
    period is half open.
    """

    token_id: str
    study_id: int
    site: str
    holder: str
    active: bool
    rounds_may_use_it: bool
    purposes: list[str]
    disease: str | None
    conditions: list[str]
    use_start_at: int
    use_end_at: int
    granted: Happened
    revoked: Happened | None
    as_of: BlockShown

    model_config = example(
        {
            "token_id": TOKEN,
            "study_id": 1,
            "site": _SITE,
            "holder": _ADDRESS,
            "active": True,
            "rounds_may_use_it": True,
            "purposes": ["disease specific research (DUO:0000007)", "training"],
            "disease": "primary biliary cholangitis (MONDO:0005388)",
            "conditions": [],
            "use_start_at": 1767225600,
            "use_end_at": 1798761600,
            "granted": {
                "at": 1767225600,
                "block": {"number": 41, "hash": "0x" + "b0" * 32, "timestamp": 1767225600},
                "transaction": "0x" + "ac" * 32,
            },
            "revoked": None,
            "as_of": {"number": 57, "hash": "0x" + "b1" * 32, "timestamp": 1767225912},
        }
    )


class RoundShown(BaseModel):
    """One round, seen from a consent: `used` true: may have used the record, false: did not, null:
    the hospital has sent nothing.
    """

    model_config = example(
        {"round": 3, "state": "closed", "used": True, "says": "may have used it"}
    )

    round: int
    state: str
    used: bool | None
    says: str


class ChallengeChoice(BaseModel):
    """Which round a receipt is asked for."""

    model_config = example({"round": 3})

    round: Annotated[int, Field(ge=1, le=2**32 - 1)]
