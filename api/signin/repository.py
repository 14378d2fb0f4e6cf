"""The only SQL of sign-in. `now` is always the service's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, Delete, Update, delete, exists, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.enrolments.tables import EnrolmentOffer
from api.index.tables import IndexedToken
from api.signin.tables import AccessTokenRow, PasskeyRow, SessionRow, SignInNonce


def add_nonce(database: Session, digest: bytes, expires_at: datetime, now: datetime) -> None:
    """Keeps a nonce, and forgets those that have expired."""
    _forget_expired(database, SignInNonce, now)
    database.add(SignInNonce(digest=digest, expires_at=expires_at))


def consume_nonce(database: Session, digest: bytes, now: datetime) -> bool:
    """Whether it was there and has not expired; from now on it is gone.

    Of several at once one is told True: SQLite has one writer, and PostgreSQL's second DELETE waits
    for the first and then finds no row.
    """
    found = SignInNonce.digest == digest, SignInNonce.expires_at > now
    return _changed(database, delete(SignInNonce).where(*found)) == 1


def add_session(database: Session, row: SessionRow, now: datetime) -> None:
    """Keeps a session, and forgets those that have expired."""
    _forget_expired(database, SessionRow, now)
    database.add(row)


def find_session(database: Session, digest: bytes, now: datetime) -> SessionRow | None:
    """The live session of a token's digest."""
    return database.scalar(
        select(SessionRow).where(SessionRow.digest == digest, SessionRow.expires_at > now)
    )


def sessions_of(
    database: Session, address: str, now: datetime, after: str, limit: int
) -> Sequence[SessionRow]:
    """At most `limit` of an address's live sessions, by id."""
    own = SessionRow.address == address, SessionRow.expires_at > now, SessionRow.id > after
    statement = select(SessionRow).where(*own).order_by(SessionRow.id).limit(limit)
    return database.scalars(statement).all()


def delete_session(database: Session, address: str, session_id: str) -> bool:
    """Ends one of an address's sessions; whether it had it."""
    own = SessionRow.address == address, SessionRow.id == session_id
    return _changed(database, delete(SessionRow).where(*own)) == 1


def add_access_token(database: Session, row: AccessTokenRow, now: datetime) -> None:
    """Keeps an access token, and forgets those that have expired."""
    _forget_expired(database, AccessTokenRow, now)
    database.add(row)


def find_access_token(database: Session, digest: bytes, now: datetime) -> AccessTokenRow | None:
    """The live access token of a digest."""
    live = AccessTokenRow.digest == digest, AccessTokenRow.expires_at > now
    return database.scalar(select(AccessTokenRow).where(*live))


def access_tokens_of(
    database: Session, address: str, now: datetime, after: str, limit: int
) -> Sequence[AccessTokenRow]:
    """At most `limit` of an address's live access tokens, by id."""
    row = AccessTokenRow
    own = row.address == address, row.expires_at > now, row.id > after
    return database.scalars(select(row).where(*own).order_by(row.id).limit(limit)).all()


def delete_access_token(database: Session, address: str, token_id: str) -> bool:
    """Revokes one of an address's access tokens; whether it had it."""
    own = AccessTokenRow.address == address, AccessTokenRow.id == token_id
    return _changed(database, delete(AccessTokenRow).where(*own)) == 1


def add_passkey(database: Session, row: PasskeyRow) -> bool:
    """Keeps a passkey; False when its credential id is known already."""
    try:
        with database.begin_nested():
            database.add(row)
    except IntegrityError:
        return False
    return True


def find_passkey(database: Session, credential_id: bytes) -> PasskeyRow | None:
    """The passkey of a credential id."""
    return database.scalar(select(PasskeyRow).where(PasskeyRow.credential_id == credential_id))


def forget_unused_passkeys(database: Session, before: datetime) -> int:
    """Drops passkeys that were registered before a moment and did nothing since; how many.

    One whose address has a consent, or answered a hospital's code, is in use without a sign-in.
    """
    in_use = or_(
        exists().where(IndexedToken.holder == PasskeyRow.address),
        exists().where(EnrolmentOffer.holder == PasskeyRow.address),
    )
    idle = PasskeyRow.used_at.is_(None), PasskeyRow.created_at < before
    return _changed(
        database,
        delete(PasskeyRow).where(*idle, ~in_use).execution_options(synchronize_session=False),
    )


def raise_sign_count(
    database: Session, credential_id: bytes, sign_count: int, now: datetime
) -> bool:
    """Notes an authenticator's counter; False when it has not risen. Many never count and say 0."""
    never_counts = (PasskeyRow.sign_count == 0) & (literal(sign_count) == 0)
    statement = (
        update(PasskeyRow)
        .where(PasskeyRow.credential_id == credential_id)
        .where((PasskeyRow.sign_count < sign_count) | never_counts)
        .values(sign_count=sign_count, used_at=now)
    )
    return _changed(database, statement) == 1


def forget_expired(database: Session, now: datetime) -> None:
    """Drops nonces, sessions and access tokens that nobody can use any more."""
    for table in (SignInNonce, SessionRow, AccessTokenRow):
        _forget_expired(database, table, now)


def _forget_expired(
    database: Session, table: type[SignInNonce | SessionRow | AccessTokenRow], now: datetime
) -> None:
    database.execute(delete(table).where(table.expires_at <= now))


def _changed(database: Session, statement: Delete | Update) -> int:
    return cast("CursorResult[object]", database.execute(statement)).rowcount
