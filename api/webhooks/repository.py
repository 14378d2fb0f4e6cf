"""Webhooks and their deliveries in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, true, update
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


def behind(database: Session, sequence: int, now: datetime) -> list[str]:
    """Ids of webhooks that have not looked through all changes."""
    asked = select(Webhook.id).where(Webhook.position < sequence, *_works(now))
    return list(database.scalars(asked.order_by(Webhook.id)))


def not_sealed_by(database: Session, key: str | None) -> list[Webhook]:
    """Webhooks whose secret lies under another key, or under none; held until the end."""
    other = Webhook.secret_key.is_distinct_from(key) if key else true()
    return list(database.scalars(select(Webhook).where(other).with_for_update()))


def remove_made_by(database: Session, token_id: str) -> None:
    """Webhooks that were made with an access token, and their messages."""
    for webhook in database.scalars(select(Webhook).where(Webhook.made_by == token_id)).all():
        remove(database, webhook)


def remove_expired(database: Session, before: datetime) -> None:
    """Webhooks that ended before a moment, and their messages."""
    for webhook in database.scalars(select(Webhook).where(Webhook.expires_at < before)).all():
        remove(database, webhook)


def hold(database: Session, webhook_id: str) -> Webhook | None:
    """A webhook that nobody else changes until the transaction ends."""
    return database.scalar(select(Webhook).where(Webhook.id == webhook_id).with_for_update())


def due(
    database: Session, now: datetime, limit: int, keys: Collection[str]
) -> list[tuple[WebhookDelivery, Webhook]]:
    """Messages whose time has come, with their webhooks; the longest due first.

    Of webhooks alone whose secret lies under one of the keys.
    """
    asked = (
        select(WebhookDelivery, Webhook)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(
            WebhookDelivery.state == PENDING,
            WebhookDelivery.next_at <= now,
            Webhook.secret_key.in_(keys),
            *_works(now),
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


def _works(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Webhook.disabled_at.is_(None), Webhook.expires_at > now
