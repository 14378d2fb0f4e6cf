"""What is told of a cohort."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from api.blocks import BlockShown
from api.http.paging import Page


class ActiveToken(BaseModel):
    """A token that the contract calls active; `index` is its place among the site's tokens."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"index": 12, "token_id": str((1 << 192) + (5 << 32) + 12)}}
    )

    index: int
    token_id: str


class CohortPage(Page[ActiveToken]):
    """Active tokens by index. A page may be short, or empty, before the last.

    `active_at`: the second for which the contract was asked; `purposes`: the bitmap it was asked
    for, of the version in force, as text.
    """

    study_id: int
    site: str
    active_at: int
    purposes: str
    as_of: BlockShown
