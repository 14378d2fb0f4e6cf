"""A version's terms, and what differs between two, as they are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from api.review.words import Fact


class DocumentOfTerms(BaseModel):
    """A document that the terms name by hash: its SHA-256, and its CID on IPFS."""

    name: str
    sha256: str
    cid: str


class VersionTerms(BaseModel):
    """One version of a study's terms, in words and in numbers.

    `terms` has the members of `Terms` in contracts/interfaces/IStudyRegistry.sol, in snake case:
    bytes as 0x hex, integers beyond 2^53 as decimal strings. `terms_hash` is what an approval
    signs, computed here from the terms; `hash_on_chain` is what the registry has.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "version": 2,
                "in_force": True,
                "newest": True,
                "terms_hash": "0x5c1d…",
                "hash_on_chain": "0x5c1d…",
                "words": [{"subject": "smallest cohort", "words": "5 patients at each site"}],
                "terms": {"min_cohort": 5, "rho_ceiling": "2000000000000000000"},
                "documents": [{"name": "protocol", "sha256": "0xab12…", "cid": "bafkrei…"}],
                "approvals": {"0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65": 1830297600},
                "threshold": 2,
            }
        }
    )

    study_id: int
    version: int
    in_force: bool
    newest: bool
    terms_hash: str
    hash_on_chain: str
    words: list[Fact]
    terms: dict[str, Any]
    documents: list[DocumentOfTerms]
    approvals: dict[str, int]
    threshold: int


class TermsDifference(BaseModel):
    """One member of the terms as it was and as it is, in words."""

    member: str
    before: str
    after: str


class VersionDifferences(BaseModel):
    """What differs between two versions. `fresh_consent`: patients have to consent anew."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "before": 1,
                "after": 2,
                "fresh_consent": True,
                "words": "Consent given under version 1 does not carry over: patients grant anew.",
                "differences": [
                    {"member": "rho_ceiling", "before": "1000000000", "after": "2000000000"}
                ],
            }
        }
    )

    study_id: int
    before: int
    after: int
    fresh_consent: bool
    words: str
    differences: list[TermsDifference]


class ExaminationFinding(BaseModel):
    """One thing that was computed again: what, whether it holds, and what was found."""

    name: str
    ok: bool
    found: str


class ExaminationTold(BaseModel):
    """What a reviewer should know before signing: every document fetched, hashed, opened again."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "version": 1,
                "ok": True,
                "terms_hash": "0x5c1d…",
                "findings": [
                    {"name": "protocol", "ok": True, "found": "5,120 bytes, sha256 ab12…"}
                ],
                "consent_texts": {"en": "I agree that …"},
                "examined_at": "2030-01-01T12:00:00Z",
                "not_looked_at": "Whether app.fab is this repository's source.",
            }
        }
    )

    study_id: int
    version: int
    ok: bool
    terms_hash: str
    findings: list[ExaminationFinding]
    consent_texts: dict[str, str]
    examined_at: datetime
    not_looked_at: str = (
        "Whether app.fab is what a checked-out source builds: `assent irb show` on your own"
        " machine compares them. Nor whether this service tells the truth: that command computes"
        " everything again from nodes that you choose."
    )
