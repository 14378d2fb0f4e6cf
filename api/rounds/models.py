"""What is told of a round. Times are chain time (s), digests 0x hex, rho 1e-18 as text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from api.blocks import BlockShown
from api.http.paging import Page

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_HASH = "0x" + "5c" * 32
_CID = "bafkreidon73zkcrwdb5iafqtijxildoonbwnpv7dyd6ef3qdgads2jc4su"


class Deadlines(BaseModel):
    """First seconds at which each step is over."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "commit": 1780000600,
                "seal": 1780001200,
                "delivery": 1780001800,
                "close": 1780002400,
            }
        }
    )

    commit: int
    seal: int
    delivery: int
    close: int


class RoundSummary(BaseModel):
    """A round in a list; `state` is open, sealed, closed or aborted."""

    number: int
    state: str = Field(examples=["closed"])
    version: int
    opened_at: int
    deadlines: Deadlines
    members: list[str] = Field(examples=[[_ADDRESS]], description="Sealed contributors.")
    checkpoint_cid: str | None = Field(examples=[_CID])


class RoundPage(Page[RoundSummary]):
    """Rounds, newest first."""

    as_of: BlockShown


class CommitmentShown(BaseModel):
    """A site's newest commitment to the round; `tokens` is the size of its cohort."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "site": _ADDRESS,
                "attempt": 1,
                "committed_at": 1780000100,
                "cohort_root": _HASH,
                "tokens": 40,
                "block_number": 1190,
                "epoch": 2,
                "vector_hash": _HASH,
                "delivered": _HASH,
            }
        }
    )

    site: str
    attempt: int
    committed_at: int
    cohort_root: str
    tokens: int
    block_number: int
    epoch: int
    vector_hash: str
    delivered: str | None = Field(description="The masked digest, if the site put it on record.")


class SealShown(BaseModel):
    """What the seal fixed and charged."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "sealed_at": 1780000700,
                "seal_digest": _HASH,
                "rho": "500000000000000001",
                "rho_spent": "500000000000000001",
            }
        }
    )

    sealed_at: int
    seal_digest: str
    rho: str
    rho_spent: str


class ClosureShown(BaseModel):
    """What the round made, to be fetched from any IPFS node."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "closed_at": 1780000900,
                "checkpoint_sha256": _HASH,
                "checkpoint_cid": _CID,
                "manifest_sha256": _HASH,
                "manifest_cid": _CID,
            }
        }
    )

    closed_at: int
    checkpoint_sha256: str
    checkpoint_cid: str
    manifest_sha256: str
    manifest_cid: str


class AbortShown(BaseModel):
    """Why a round made nothing."""

    aborted_at: int
    reason: str = Field(examples=["consent-changed"])


class RoundShown(RoundSummary):
    """One round with all that the ledger recorded of it."""

    study_id: int
    pinned_block: int
    base_cid: str = Field(examples=[_CID], description="The checkpoint it began from.")
    previous_sealed: int
    previous_closed: int
    commitments: list[CommitmentShown]
    seal: SealShown | None
    closure: ClosureShown | None
    abort: AbortShown | None
    as_of: BlockShown
