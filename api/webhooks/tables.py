"""Who wants to be told, and what there is still to tell."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Bytes, Json, Moment, Number, Word


class Webhook(Base):
    """A place to send changes to. `position`: the last sequence number that was looked through.

    `failures` counts failed attempts since the last that succeeded. `secret` is sealed under the
    key that `secret_key` names; null: it lies there as it is, from before there were keys, and is
    not used until it is sealed. After `expires_at` nothing is sent. `made_by` is the access token
    that it was made with, null: a session.
    """

    __tablename__ = "webhooks"

    id: Mapped[Word] = mapped_column(primary_key=True)
    owner: Mapped[Address] = mapped_column(index=True)
    url: Mapped[str] = mapped_column(String(2048))
    secret: Mapped[Bytes]
    secret_key: Mapped[Word | None]
    made_by: Mapped[Word | None] = mapped_column(index=True)
    study_id: Mapped[Number | None]
    kinds: Mapped[Json]
    position: Mapped[Number]
    failures: Mapped[int]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    disabled_at: Mapped[Moment | None]


class WebhookDelivery(Base):
    """One message to one webhook. Its id is `webhook-id`, the same at every attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_due", "state", "next_at"),
        Index("ix_webhook_deliveries_once", "webhook_id", "sequence", unique=True),
    )

    id: Mapped[Word] = mapped_column(primary_key=True)
    webhook_id: Mapped[Word] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    sequence: Mapped[Number]
    kind: Mapped[Word]
    body: Mapped[str]
    state: Mapped[Word]
    attempts: Mapped[int]
    next_at: Mapped[Moment]
    created_at: Mapped[Moment]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(64))
    delivered_at: Mapped[Moment | None]
