"""What the endpoints of export and erasure take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from api.consents.models import StatementBody, example

_STATEMENT = StatementBody.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index]


class Export(BaseModel):
    """Everything that this service holds about an address: a section a table."""

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

    erased: dict[str, int]
    kept: dict[str, str]
    sites: list[ErasureShown]


class ErasureAtSite(BaseModel):
    """A request as its site sees it; `request` is the holder's signed words, to be verified."""

    id: str
    study_id: int
    holder: str
    requested_at: datetime
    request: dict[str, Any] | None


class ConfirmationBody(BaseModel):
    """The site's signed Erased."""

    model_config = example({"statement": _STATEMENT})

    statement: StatementBody
