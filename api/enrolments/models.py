"""What the endpoints of enrolment offers take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.consents.models import Address, Hex32, Study, example

_HOLDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_SITE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
State = Literal["offered", "claimed", "answered"]


class NewOffer(BaseModel):
    """An offer under a code's locator (study/enrolment_code.py), for so many hours."""

    model_config = example({"locator": "0x" + "4d" * 32, "study_id": 1, "hours": 72})

    locator: Hex32
    study_id: Study
    hours: Annotated[int, Field(ge=1, le=24 * 30)] = 72


class Claim(BaseModel):
    """A patient's address for the study, and the code's HMAC over study, site and address."""

    model_config = example({"holder": _HOLDER, "claim": "0x" + "5e" * 32})

    holder: Address
    claim: Hex32


class Answer(BaseModel):
    """The enrolment, encrypted by the code's key."""

    model_config = example({"sealed": "0x" + "ab" * 64})

    sealed: Annotated[str, Field(pattern=r"^0x([0-9a-f]{2}){29,4096}$")]


class OfferShown(BaseModel):
    """An offer as whoever has its locator sees it; `sealed` once the site has answered."""

    model_config = example(
        {
            "study_id": 1,
            "site": _SITE,
            "state": "claimed",
            "expires_at": "2030-01-04T12:00:00Z",
            "sealed": None,
        }
    )

    study_id: int
    site: str
    state: State
    expires_at: datetime
    sealed: str | None


class OfferOfSite(BaseModel):
    """An offer as its site sees it, with the claim to verify."""

    model_config = example(
        {
            "locator": "0x" + "4d" * 32,
            "study_id": 1,
            "state": "claimed",
            "expires_at": "2030-01-04T12:00:00Z",
            "holder": _HOLDER,
            "claim": "0x" + "5e" * 32,
        }
    )

    locator: str
    study_id: int
    state: State
    expires_at: datetime
    holder: str | None
    claim: str | None
