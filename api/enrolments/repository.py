"""Reads and writes of enrolment offers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.enrolments.tables import EnrolmentOffer


def live(
    database: Session, locator: bytes, now: datetime, *, lock: bool = False
) -> EnrolmentOffer | None:
    """An offer that has not expired; with `lock` nobody else changes it meanwhile."""
    asked = select(EnrolmentOffer).where(
        EnrolmentOffer.locator == locator, EnrolmentOffer.expires_at > now
    )
    return database.scalars(asked.with_for_update() if lock else asked).first()


def add(database: Session, offer: EnrolmentOffer) -> bool:
    """Keeps a new offer; False when its locator was offered before and not removed since."""
    if database.get(EnrolmentOffer, offer.locator) is not None:
        return False
    try:
        with database.begin_nested():
            database.add(offer)
    except IntegrityError:  # another site has offered it in the meantime
        return False
    return True


def offers_of(
    database: Session, site: str, now: datetime, after: bytes | None, limit: int
) -> Sequence[EnrolmentOffer]:
    """A site's offers by locator, one more than `limit` when there are more."""
    asked = select(EnrolmentOffer).where(
        EnrolmentOffer.site == site, EnrolmentOffer.expires_at > now
    )
    if after is not None:
        asked = asked.where(EnrolmentOffer.locator > after)
    return database.scalars(asked.order_by(EnrolmentOffer.locator).limit(limit + 1)).all()


def remove(database: Session, offer: EnrolmentOffer) -> None:
    """Forgets an offer."""
    database.delete(offer)


def forget_expired(database: Session, now: datetime) -> None:
    """Forgets what nobody can use any more."""
    database.execute(delete(EnrolmentOffer).where(EnrolmentOffer.expires_at <= now))
