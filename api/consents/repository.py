"""Tokens in the index, by holder."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.index.tables import IndexedToken


def token(database: Session, token_id: int) -> IndexedToken | None:
    """One token, once it is indexed."""
    return database.get(IndexedToken, token_id)


def tokens_of(
    database: Session, holder: str, after: int | None, limit: int
) -> Sequence[IndexedToken]:
    """A holder's tokens by number, one more than `limit` when there are more."""
    asked = select(IndexedToken).where(IndexedToken.holder == holder)
    if after is not None:
        asked = asked.where(IndexedToken.token_id > after)
    return database.scalars(asked.order_by(IndexedToken.token_id).limit(limit + 1)).all()


def all_tokens_of(database: Session, holder: str) -> Sequence[IndexedToken]:
    """Every token of a holder."""
    return database.scalars(select(IndexedToken).where(IndexedToken.holder == holder)).all()
