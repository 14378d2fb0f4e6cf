"""One's own sessions and access tokens. Only a person with a session manages them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import Database, ServiceOf, Transaction
from api.http.paging import Page, Paging, PagingOf
from api.problems import NotFound
from api.signin import cookie, repository, sessions
from api.signin.caller import SessionOf, SignIn
from api.signin.models import AccessToken, AccessTokenEntry, NewAccessToken, SessionEntry
from api.signin.tables import AccessTokenRow, SessionRow
from api.webhooks import repository as webhooks

router = APIRouter(tags=["sign-in"])
_Id = Annotated[str, Path(examples=["5e" * 16])]


@router.get("/sessions", summary="Your sessions")
def list_sessions(
    own: SessionOf, service: ServiceOf, database: Database, paging: PagingOf
) -> Page[SessionEntry]:
    rows = repository.sessions_of(
        database, own.caller.address, service.clock(), _after(paging), paging.limit + 1
    )
    return paging.page(rows, _key, lambda row: _session_entry(row, own))


@router.delete("/sessions/current", summary="Sign out", status_code=204)
def sign_out(own: SessionOf, response: Response, service: ServiceOf, database: Transaction) -> None:
    assert own.session_id is not None
    repository.delete_session(database, own.caller.address, own.session_id)
    cookie.clear_cookie(response, service.settings)


@router.delete("/sessions/{session_id}", summary="End one of your sessions", status_code=204)
def end_session(session_id: _Id, own: SessionOf, database: Transaction) -> None:
    if not repository.delete_session(database, own.caller.address, session_id):
        raise NotFound


@router.post("/access-tokens", summary="Make an access token for a program", status_code=201)
def make_access_token(
    body: NewAccessToken, own: SessionOf, service: ServiceOf, database: Transaction
) -> AccessToken:
    token, row = sessions.make_access_token(
        database,
        own.caller.signer,
        body.name,
        body.scopes,
        timedelta(days=body.days),
        service.clock(),
        own.approval,
    )
    return AccessToken(**_entry(row).model_dump(), token=token)


@router.get("/access-tokens", summary="Your access tokens, without the tokens themselves")
def list_access_tokens(
    own: SessionOf, service: ServiceOf, database: Database, paging: PagingOf
) -> Page[AccessTokenEntry]:
    rows = repository.access_tokens_of(
        database, own.caller.address, service.clock(), _after(paging), paging.limit + 1
    )
    return paging.page(rows, _key, _entry)


@router.delete(
    "/access-tokens/{token_id}",
    summary="Revoke an access token",
    status_code=204,
    description="Webhooks that were made with it end as well.",
)
def revoke_access_token(token_id: _Id, own: SessionOf, database: Transaction) -> None:
    if not repository.delete_access_token(database, own.caller.address, token_id):
        raise NotFound
    webhooks.remove_made_by(database, token_id)


def _after(paging: Paging) -> str:
    key = paging.key(str)
    return "" if key is None else str(key[0])


def _key(row: SessionRow | AccessTokenRow) -> tuple[str]:
    return (row.id,)


def _session_entry(row: SessionRow, own: SignIn) -> SessionEntry:
    return SessionEntry(
        id=row.id,
        method=row.method,
        created_at=row.created_at,
        expires_at=row.expires_at,
        current=row.id == own.session_id,
    )


def _entry(row: AccessTokenRow) -> AccessTokenEntry:
    return AccessTokenEntry(
        id=row.id,
        name=row.name,
        scopes=row.scopes.split(),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
