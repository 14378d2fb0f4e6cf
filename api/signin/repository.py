"""The only SQL of sign-in. `now` is always the service's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, Delete, delete, select
from sqlalchemy.orm import Session

from api.signin.tables import AccessTokenRow, SessionRow, SignInNonce


def add_nonce(database: Session, digest: bytes, expires_at: datetime, now: datetime) -> None:
    """Keeps a nonce, and forgets those that have expired."""
    database.execute(delete(SignInNonce).where(SignInNonce.expires_at <= now))
    database.add(SignInNonce(digest=digest, expires_at=expires_at))


def consume_nonce(database: Session, digest: bytes, now: datetime) -> bool:
    """Whether it was there and has not expired; from now on it is gone.

    Of several at once one is told True: SQLite has one writer, and PostgreSQL's second DELETE waits
    for the first and then finds no row.
    """
    found = SignInNonce.digest == digest, SignInNonce.expires_at > now
    return _deleted(database, delete(SignInNonce).where(*found)) == 1


def add_session(database: Session, row: SessionRow, now: datetime) -> None:
    """Keeps a session, and forgets those that have expired."""
    database.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    database.add(row)


def find_session(database: Session, digest: bytes, now: datetime) -> SessionRow | None:
    """The live session of a token's digest."""
    return database.scalar(
        select(SessionRow).where(SessionRow.digest == digest, SessionRow.expires_at > now)
    )


def sessions_of(database: Session, address: str, now: datetime) -> Sequence[SessionRow]:
    """An address's live sessions, the oldest first."""
    return database.scalars(
        select(SessionRow)
        .where(SessionRow.address == address, SessionRow.expires_at > now)
        .order_by(SessionRow.created_at, SessionRow.id)
    ).all()


def delete_session(database: Session, address: str, session_id: str) -> bool:
    """Ends one of an address's sessions; whether it had it."""
    own = SessionRow.address == address, SessionRow.id == session_id
    return _deleted(database, delete(SessionRow).where(*own)) == 1


def add_access_token(database: Session, row: AccessTokenRow, now: datetime) -> None:
    """Keeps an access token, and forgets those that have expired."""
    database.execute(delete(AccessTokenRow).where(AccessTokenRow.expires_at <= now))
    database.add(row)


def find_access_token(database: Session, digest: bytes, now: datetime) -> AccessTokenRow | None:
    """The live access token of a digest."""
    live = AccessTokenRow.digest == digest, AccessTokenRow.expires_at > now
    return database.scalar(select(AccessTokenRow).where(*live))


def access_tokens_of(database: Session, address: str, now: datetime) -> Sequence[AccessTokenRow]:
    """An address's live access tokens, the oldest first."""
    return database.scalars(
        select(AccessTokenRow)
        .where(AccessTokenRow.address == address, AccessTokenRow.expires_at > now)
        .order_by(AccessTokenRow.created_at, AccessTokenRow.id)
    ).all()


def delete_access_token(database: Session, address: str, token_id: str) -> bool:
    """Revokes one of an address's access tokens; whether it had it."""
    own = AccessTokenRow.address == address, AccessTokenRow.id == token_id
    return _deleted(database, delete(AccessTokenRow).where(*own)) == 1


def _deleted(database: Session, statement: Delete) -> int:
    return cast("CursorResult[object]", database.execute(statement)).rowcount
