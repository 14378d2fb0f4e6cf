"""What a reviewer may ask to sign, and the draft that comes back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.review.parameters import Account
from api.review.words import Fact


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WantedApproval(_Wanted):
    """Approve a version until a date, `90d`, `12w`, `6m`, `1y`; a year less a day without it."""

    act: Literal["approve"]
    version: Annotated[int, Field(ge=1, lt=2**32)]
    expires: Annotated[str, Field(max_length=10)] | None = None


class WantedRenewal(_Wanted):
    """Continuing review: approve the version in force again, until later."""

    act: Literal["renew"]
    expires: Annotated[str, Field(max_length=10)] | None = None


class WantedSuspension(_Wanted):
    """Stop the study; one reviewer is enough."""

    act: Literal["suspend"]


class WantedResumption(_Wanted):
    """Let the study go on; it takes as many reviewers as approving."""

    act: Literal["resume"]


class WantedReplacement(_Wanted):
    """Give a reviewer's seat to another; it takes as many reviewers as approving."""

    act: Literal["replace-reviewer"]
    outgoing: Account
    incoming: Account


class WantedRollback(_Wanted):
    """Go back to a closed round's checkpoint (0: the initial one); as many as approving sign."""

    act: Literal["rollback"]
    to_round: Annotated[int, Field(ge=0, lt=2**32)]


class WantedReadmission(_Wanted):
    """Let a barred site take part again; one reviewer is enough."""

    act: Literal["readmit"]
    site: Account


class WantedChallenge(_Wanted):
    """Demand that a site recomputes its part of a round that is over."""

    act: Literal["challenge"]
    round: Annotated[int, Field(ge=1, lt=2**32)]
    site: Account


Wanted = Annotated[
    WantedApproval
    | WantedRenewal
    | WantedSuspension
    | WantedResumption
    | WantedReplacement
    | WantedRollback
    | WantedReadmission
    | WantedChallenge,
    Field(discriminator="act"),
]

EXAMPLES: dict[str, Any] = {
    "approve": {"value": {"act": "approve", "version": 1, "expires": "6m"}},
    "renew": {"value": {"act": "renew", "expires": "2027-03-01"}},
    "suspend": {"value": {"act": "suspend"}},
    "resume": {"value": {"act": "resume"}},
    "replace-reviewer": {
        "value": {
            "act": "replace-reviewer",
            "outgoing": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
            "incoming": "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
        }
    },
    "rollback": {"value": {"act": "rollback", "to_round": 1}},
    "readmit": {"value": {"act": "readmit", "site": "0x976EA74026E726554dB657fA54763abd0C3a0aa9"}},
    "challenge": {
        "value": {
            "act": "challenge",
            "round": 1,
            "site": "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
        }
    },
}


class ReviewDraft(BaseModel):
    """What would be signed: EIP-712 typed data for a wallet, and the same in plain words.

    `signatures_needed`: how many reviewers have to sign the same before it takes effect.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "act": "suspend",
                "typed_data": {"primaryType": "Suspension", "message": {"studyId": "1"}},
                "summary": [{"subject": "study", "words": "1 is stopped at once"}],
                "signatures_needed": 1,
                "submit_to": "/v1/studies/1/review-acts",
            }
        }
    )

    act: str
    typed_data: dict[str, Any]
    summary: list[Fact]
    signatures_needed: int
    submit_to: str
