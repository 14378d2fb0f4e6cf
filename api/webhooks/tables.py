"""Who wants to be told, and what there is still to tell."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Json, Moment, Number, Word


class Webhook(Base):
    """A place to send changes to. `position`: the last sequence number that was looked through.

    `failures` counts failed attempts since the last that succeeded.
    """

    __tablename__ = "webhooks"

    id: Mapped[Word] = mapped_column(primary_key=True)
    owner: Mapped[Address] = mapped_column(index=True)
    url: Mapped[str] = mapped_column(String(2048))
    secret: Mapped[bytes] = mapped_column(LargeBinary(32))
    study_id: Mapped[Number | None]
    kinds: Mapped[Json]
    position: Mapped[Number]
    failures: Mapped[int]
    created_at: Mapped[Moment]
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
