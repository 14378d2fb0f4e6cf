"""Webhooks as they are asked for and told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.http.paging import Page

_WEBHOOK: JsonDict = {
    "id": "wh_0b7cbd4cf0f54a1c8ad63b1a0e0a4d18",
    "url": "https://hospital.example/assent",
    "study_id": 1,
    "kinds": ["consent", "round.closed"],
    "failures": 0,
    "created_at": "2030-01-01T00:00:00Z",
    "expires_at": "2030-04-01T00:00:00Z",
    "disabled_at": None,
}
_Days = Annotated[int, Field(ge=1, le=366)]
#: How long a webhook lives that nobody renews.
LIFETIME_DAYS = 90


class WebhookAsked(BaseModel):
    """A place to send changes to. `kinds`: kinds or groups of them, all when empty.

    It ends after so many days unless it is renewed, whatever becomes of who made it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "url": "https://hospital.example/assent",
                "study_id": 1,
                "kinds": ["consent", "round.closed"],
                "days": 90,
            }
        },
    )

    url: Annotated[str, Field(min_length=8, max_length=2048)]
    study_id: Annotated[int | None, Field(ge=1, lt=1 << 63)] = None
    kinds: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=64)] = []
    days: _Days = LIFETIME_DAYS


class Renewal(BaseModel):
    """For how many days from now a webhook lives on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"days": 90}})

    days: _Days = LIFETIME_DAYS


class WebhookShown(BaseModel):
    """A webhook. `failures`: in a row; `disabled_at`: since when nothing is sent; after
    `expires_at` nothing is sent either, and 30 days later it is forgotten.
    """

    model_config = ConfigDict(json_schema_extra={"example": _WEBHOOK})

    id: str
    url: str
    study_id: int | None
    kinds: list[str]
    failures: int
    created_at: datetime
    expires_at: datetime
    disabled_at: datetime | None


class WebhookMade(WebhookShown):
    """A new webhook with its secret, which is shown this once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_WEBHOOK,
                "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYq=",
            }
        }
    )

    secret: str


class DeliveryShown(BaseModel):
    """A message: pending, delivered or failed (given up). `id` is its `webhook-id`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "msg_6f2a0c3e9b8d4f1c8a7b6c5d4e3f2a1b",
                "sequence": 812,
                "kind": "round.closed",
                "state": "pending",
                "attempts": 1,
                "next_at": "2030-01-01T00:00:05Z",
                "created_at": "2030-01-01T00:00:00Z",
                "last_status": 503,
                "last_error": None,
                "delivered_at": None,
            }
        }
    )

    id: str
    sequence: int
    kind: str
    state: str
    attempts: int
    next_at: datetime | None
    created_at: datetime
    last_status: int | None
    last_error: str | None
    delivered_at: datetime | None


class WebhookPage(Page[WebhookShown]):
    """An account's webhooks."""


class DeliveryPage(Page[DeliveryShown]):
    """A webhook's messages, newest first."""
