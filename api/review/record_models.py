"""What a study has done, as a reviewer is told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from api.blocks import BlockShown
from api.review.verification import Verified


class PrivacySpent(BaseModel):
    """The privacy account by the ledger's charges; rho in 1e-18, as decimal text.

    `epsilon` and `epsilon_ceiling` are at `delta`, by corollary 13 of Canonne, Kamath and Steinke
    (2020), with the slack of the distributed discrete sum.
    """

    rho_spent: str
    rho_ceiling: str
    epsilon: float
    epsilon_ceiling: float
    delta: float
    charged_rounds: int
    rounds_left: int
    words: str


class ReviewedRound(BaseModel):
    """One round: how it ended, what it cost, and what verification says of it.

    `faults`: duties that somebody broke, on record with the consequence; they hold as evidence, so
    `verified` can be `holds` beside them.
    """

    number: int
    state: Literal["open", "sealed", "closed", "aborted"]
    version: int
    opened_at: int
    close_deadline: int
    members: list[str]
    patients: int
    rho: str
    reason: str | None
    verified: Verified
    verified_words: str
    failed: list[str]
    faults: list[str]
    recomputed: int
    attested: int
    pending: int


class QuestionToSite(BaseModel):
    """A challenge; `asked_for` is a replay, or the receipt of a token."""

    round: int
    site: str
    asked_for: str
    answer_by: int
    state: str
    answer_sha256: str | None


class ReviewerStanding(BaseModel):
    """One seat of the committee; `approved_until` 0: no approval of the version."""

    reviewer: str
    approved_until: int
    words: str


class LastReport(BaseModel):
    """The newest verification here: of which bundle, and up to which block it holds.

    Its `anchor` check fails by design: verify the bundle yourself, with a hash that two sites gave.
    """

    bundle_id: str
    block: BlockShown
    failed_of_study: list[str]
    words: str


class StudyRecord(BaseModel):
    """What the study has done, for continuing review, as of an indexed block."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "as_of": {"number": 1210, "hash": "0x" + "5c" * 32, "timestamp": 1790000100},
                "status": "in force, version 1",
                "suspended": False,
                "version": 1,
                "approved_until": 1821536000,
                "threshold": 2,
                "committee": [
                    {
                        "reviewer": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
                        "approved_until": 1821536000,
                        "words": "until 2027-09-21 10:13 UTC",
                    }
                ],
                "privacy": {
                    "rho_spent": "500000000000000001",
                    "rho_ceiling": "2000000000000000000",
                    "epsilon": 3.1,
                    "epsilon_ceiling": 7.9,
                    "delta": 1e-05,
                    "charged_rounds": 1,
                    "rounds_left": 2,
                    "words": "rho 0.500000 of 2.000000, epsilon 3.1 of 7.9 at delta 1e-05; room for"
                    " 2 more rounds",
                },
                "charged_aborts": 0,
                "charged_aborts_left": 3,
                "barred": {},
                "questions": [],
                "rounds": [],
                "rounds_in_all": 1,
                "last_report": None,
            }
        }
    )

    study_id: int
    as_of: BlockShown
    status: str
    suspended: bool
    version: int
    approved_until: int | None
    threshold: int
    committee: list[ReviewerStanding]
    privacy: PrivacySpent
    charged_aborts: int
    charged_aborts_left: int
    barred: dict[str, int]
    questions: list[QuestionToSite]
    rounds: list[ReviewedRound]
    rounds_in_all: int
    last_report: LastReport | None
