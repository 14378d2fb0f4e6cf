"""What is told of a study."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.blocks import BlockShown
from api.http.paging import Page

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_HASH = "0x" + "5c" * 32
_CID = "bafkreidon73zkcrwdb5iafqtijxildoonbwnpv7dyd6ef3qdgads2jc4su"


class Sentence(BaseModel):
    """One of the terms in plain words."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "subject": "late withdrawal",
                "text": "a round whose patient withdraws after the seal is abandoned and run again",
            }
        }
    )

    subject: str
    text: str


class StudyStanding(BaseModel):
    """Where a study stands. Times are chain time (s); version 0: none was approved yet.

    `usable`: a version is in force, its approval has not expired, and nothing is suspended.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "usable": True,
                "version": 1,
                "consent_version": 1,
                "suspended": False,
                "suspensions": 0,
                "approved_until": 1790000000,
            }
        }
    )

    usable: bool
    version: int
    consent_version: int
    suspended: bool
    suspensions: int
    approved_until: int


class StudySummary(BaseModel):
    """A study in a list."""

    study_id: int
    disease: str = Field(examples=["sickle cell disease (MONDO:0011382)"])
    purposes: list[str] = Field(examples=[["disease specific research (DUO:0000007)"]])
    undertakings: list[str]
    sites: list[str] = Field(examples=[[_ADDRESS]])
    standing: StudyStanding


class StudyPage(Page[StudySummary]):
    """Studies by number."""

    as_of: BlockShown


class SiteOfStudy(BaseModel):
    """A hospital of a study; `barred_for` is the round that it is barred for, 0 when it is not."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "address": _ADDRESS,
                "enrolment_key": _ADDRESS,
                "barred_for": 0,
                "tokens_granted": 40,
                "tokens_not_revoked": 38,
            }
        }
    )

    address: str
    enrolment_key: str | None
    barred_for: int
    tokens_granted: int
    tokens_not_revoked: int


class Approval(BaseModel):
    """One reviewer's approval of a version."""

    reviewer: str = Field(examples=[_ADDRESS])
    expires_at: int = Field(examples=[1790000000])
    approved_at: int = Field(examples=[1780000000])


class VersionSummary(BaseModel):
    """A proposed version of the terms; `activated_at` is null while it was never in force."""

    version: int
    terms_hash: str = Field(examples=[_HASH])
    proposed_at: int
    activated_at: int | None
    consent_version: int | None
    approvals: list[Approval]


class PrivacySpending(BaseModel):
    """What sealed rounds have charged, by the ledger; rho in 1e-18, as text.

    `epsilon` is what one patient has lost at most so far at `delta`, `epsilon_ceiling` at the end
    (Canonne, Kamath and Steinke 2020, corollary 13).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "rho_spent": "500000000000000001",
                "rho_ceiling": "20000000000000000000",
                "charged": 1,
                "rounds_left": 39,
                "epsilon": 3.9,
                "epsilon_ceiling": 41.2,
                "delta": 1e-05,
            }
        }
    )

    rho_spent: str
    rho_ceiling: str
    charged: int
    rounds_left: int
    epsilon: float
    epsilon_ceiling: float
    delta: float


class StudyShown(BaseModel):
    """One study: who answers for it, its newest terms in words and numbers, where it stands."""

    study_id: int
    sponsor: str = Field(examples=[_ADDRESS])
    reviewers: list[str] = Field(examples=[[_ADDRESS]])
    threshold: int
    standing: StudyStanding
    terms_version: int
    terms_in_words: list[Sentence]
    terms: dict[str, Any]
    sites: list[SiteOfStudy]
    versions: list[VersionSummary]
    privacy: PrivacySpending
    as_of: BlockShown


class DocumentShown(BaseModel):
    """A document that the terms name by hash. `stored`: the service's IPFS node holds it now;
    null: the service has no IPFS node.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"name": "protocol", "sha256": _HASH, "cid": _CID, "stored": True}
        }
    )

    name: str
    sha256: str
    cid: str
    stored: bool | None


class DocumentList(BaseModel):
    """The documents of one version."""

    study_id: int
    version: int
    documents: list[DocumentShown]


class ConsentText(BaseModel):
    """The approved text in one language; `sha256` is of the whole document, as grants name it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "version": 1,
                "language": "en",
                "text": "We ask you to let your record be used ...",
                "languages": ["de", "en"],
                "sha256": _HASH,
            }
        }
    )

    study_id: int
    version: int
    language: str
    text: str
    languages: list[str]
    sha256: str
