"""Nonces given and taken, sessions begun, access tokens made: what sign-in does to the database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from api.settings import Settings
from api.signin import repository
from api.signin.approvals import Approval
from api.signin.problems import NonceUnknown
from api.signin.scopes import Scope
from api.signin.secrets import digest_of, new_id, new_secret
from api.signin.tables import AccessTokenRow, SessionRow
from chain.messages import account_of_signer


def give_nonce(database: Session, settings: Settings, now: datetime) -> tuple[str, datetime]:
    """A nonce for one sign-in, and until when it holds."""
    nonce = new_secret()
    expires_at = now + timedelta(minutes=settings.nonce_minutes)
    repository.add_nonce(database, _digest(nonce), expires_at, now)
    return nonce, expires_at


def take_nonce(database: Session, nonce: str, now: datetime) -> None:
    """Uses a nonce up. Raises NonceUnknown: never given, used before, or expired."""
    digest = digest_of(nonce)
    if digest is None or not repository.consume_nonce(database, digest, now):
        raise NonceUnknown


def begin_session(
    database: Session,
    settings: Settings,
    signer: bytes,
    method: str,
    now: datetime,
    approval: Approval | None = None,
) -> tuple[str, SessionRow]:
    """A session of a signer's account and its token, which is not kept.

    `approval`: of a contract account, which the session outlasts by no request.
    """
    token = new_secret()
    row = SessionRow(
        id=new_id(),
        digest=_digest(token),
        address=account_of_signer(signer),
        signer=signer,
        method=method,
        approval=None if approval is None else approval.to_bytes(),
        created_at=now,
        expires_at=now + timedelta(minutes=settings.session_minutes),
    )
    repository.add_session(database, row, now)
    return token, row


def make_access_token(
    database: Session,
    signer: bytes,
    name: str,
    scopes: Collection[Scope],
    lifetime: timedelta,
    now: datetime,
    approval: Approval | None = None,
) -> tuple[str, AccessTokenRow]:
    """An access token for a signer's account; the token itself is not kept. See `begin_session`."""
    token = new_secret()
    row = AccessTokenRow(
        id=new_id(),
        digest=_digest(token),
        address=account_of_signer(signer),
        signer=signer,
        name=name,
        scopes=" ".join(sorted({scope.value for scope in scopes})),
        approval=None if approval is None else approval.to_bytes(),
        created_at=now,
        expires_at=now + lifetime,
    )
    repository.add_access_token(database, row, now)
    return token, row


def _digest(secret: str) -> bytes:
    digest = digest_of(secret)
    assert digest is not None
    return digest
