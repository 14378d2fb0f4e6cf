"""Webhooks and their deliveries in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from api.webhooks.tables import Webhook, WebhookDelivery

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"


def of_owner(database: Session, owner: str, webhook_id: str) -> Webhook | None:
    """A webhook, if it is this account's."""
    found = database.get(Webhook, webhook_id)
    return found if found is not None and found.owner == owner else None


def owned(database: Session, owner: str, after: str, limit: int) -> list[Webhook]:
    """An account's webhooks by id."""
    asked = (
        select(Webhook)
        .where(Webhook.owner == owner, Webhook.id > after)
        .order_by(Webhook.id)
        .limit(limit)
    )
    return list(database.scalars(asked))


def count_of(database: Session, owner: str) -> int:
    """How many webhooks an account has."""
    counted = select(func.count()).select_from(Webhook).where(Webhook.owner == owner)
    return database.scalar(counted) or 0


def remove(database: Session, webhook: Webhook) -> None:
    """A webhook and all of its deliveries."""
    database.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id))
    database.delete(webhook)


def deliveries_of(
    database: Session, webhook_id: str, before: int | None, limit: int
) -> list[WebhookDelivery]:
    """A webhook's deliveries, newest first."""
    asked = (
        select(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id)
        .order_by(WebhookDelivery.sequence.desc())
        .limit(limit)
    )
    if before is not None:
        asked = asked.where(WebhookDelivery.sequence < before)
    return list(database.scalars(asked))


def behind(database: Session, sequence: int) -> list[str]:
    """Ids of webhooks that have not looked through all changes."""
    asked = select(Webhook.id).where(Webhook.position < sequence, Webhook.disabled_at.is_(None))
    return list(database.scalars(asked.order_by(Webhook.id)))


def hold(database: Session, webhook_id: str) -> Webhook | None:
    """A webhook that nobody else changes until the transaction ends."""
    return database.scalar(select(Webhook).where(Webhook.id == webhook_id).with_for_update())


def due(database: Session, now: datetime, limit: int) -> list[tuple[WebhookDelivery, Webhook]]:
    """Messages whose time has come, with their webhooks; the longest due first."""
    asked = (
        select(WebhookDelivery, Webhook)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(
            WebhookDelivery.state == PENDING,
            WebhookDelivery.next_at <= now,
            Webhook.disabled_at.is_(None),
        )
        .order_by(WebhookDelivery.next_at, WebhookDelivery.sequence)
        .limit(limit)
    )
    return [(delivery, webhook) for delivery, webhook in database.execute(asked)]


def claim(database: Session, delivery_ids: Sequence[str], until: datetime) -> None:
    """Keeps messages from being due again while they are being sent."""
    database.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(delivery_ids), WebhookDelivery.state == PENDING)
        .values(next_at=until),
        execution_options={"synchronize_session": False},
    )


def forget_before(database: Session, moment: datetime) -> None:
    """Drops messages that were delivered or given up before a moment."""
    database.execute(
        delete(WebhookDelivery).where(
            WebhookDelivery.state != PENDING, WebhookDelivery.created_at < moment
        ),
        execution_options={"synchronize_session": False},
    )
