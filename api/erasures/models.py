"""What the endpoints of export and erasure take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from api.consents.models import StatementBody, example

_STATEMENT = StatementBody.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index]

_HOLDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_NOW = "2030-01-01T12:00:00Z"
_REQUEST: dict[str, Any] = {
    "id": "5e" * 16,
    "study_id": 1,
    "site": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "requested_at": _NOW,
    "signed": True,
    "confirmed_at": None,
    "confirmed_by": None,
    "confirmation": None,
}


class Export(BaseModel):
    """Everything that this service holds about an address: a section a table."""

    model_config = example(
        {
            "address": _HOLDER,
            "exported_at": _NOW,
            "sections": {"receipt_keys": [{"holder": _HOLDER, "issued_at": 1767225600}]},
            "kept_after_erasure": {"tokens": "a copy of the public chain"},
        }
    )

    address: str
    exported_at: datetime
    sections: dict[str, list[dict[str, Any]]]
    kept_after_erasure: dict[str, str]


class ErasureBody(BaseModel):
    """A signed ErasureRequest for the sites (`/v1/me/erasure/drafts`). Without one the sites ask
    the patient in person: a service alone shall not be able to destroy what a site keeps.
    """

    model_config = example({"request": _STATEMENT})

    request: StatementBody | None = None


class ErasureShown(BaseModel):
    """A request to a site. `confirmed_by` is the site's account; its signed words are beside it."""

    model_config = example(_REQUEST)

    id: str
    study_id: int
    site: str
    requested_at: datetime
    signed: bool
    confirmed_at: datetime | None
    confirmed_by: str | None
    confirmation: dict[str, Any] | None


class Erased(BaseModel):
    """What was erased here, by table, and what the sites were asked."""

    model_config = example(
        {
            "erased": {"receipts": 2, "signin_sessions": 1},
            "kept": {"tokens": "a copy of the public chain"},
            "sites": [_REQUEST],
        }
    )

    erased: dict[str, int]
    kept: dict[str, str]
    sites: list[ErasureShown]


class ErasureAtSite(BaseModel):
    """A request as its site sees it; `request` is the holder's signed words, to be verified."""

    model_config = example(
        {"id": "5e" * 16, "study_id": 1, "holder": _HOLDER, "requested_at": _NOW, "request": None}
    )

    id: str
    study_id: int
    holder: str
    requested_at: datetime
    request: dict[str, Any] | None


class ConfirmationBody(BaseModel):
    """The site's signed Erased."""

    model_config = example({"statement": _STATEMENT})

    statement: StatementBody
