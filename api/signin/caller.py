"""Who a request speaks for: `CallerOf`, `MaybeCallerOf`, and `requires(scope)`.

A bearer token is looked at first, and if there is one the cookie is not. Each names one address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.dependencies import ServiceOf
from api.service import Service
from api.signin import repository
from api.signin.approvals import Approval
from api.signin.cookie import cookie_name, require_own_page
from api.signin.problems import NotSignedIn, ScopeMissing, SessionNeeded
from api.signin.scopes import ALL_SCOPES, Scope
from api.signin.secrets import digest_of
from api.signin.tables import AccessTokenRow, SessionRow

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="assent"'}


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        address: EIP-55 text; of a passkey the low 160 bits of keccak256(signer).
        signer: ERC-7913 bytes.
        scopes: what may be done; a session has all scopes.
    """

    address: str
    signer: bytes
    scopes: frozenset[str]


@dataclass(frozen=True)
class SignIn:
    """A caller and what shows it: a session, or an access token when `session_id` is None.

    `approval`: what a contract account stood by just now; None for others.
    """

    caller: Caller
    expires_at: datetime
    session_id: str | None = None
    token_id: str | None = None
    approval: Approval | None = None


# For the OpenAPI document; the header is read below, where a bad one is refused.
_documented = HTTPBearer(
    auto_error=False, scheme_name="access token", description="Made by `POST /v1/access-tokens`."
)
_documented_cookie = APIKeyCookie(
    name="__Host-assent",
    auto_error=False,
    scheme_name="session",
    description=(
        "Set by signing in; without TLS it is called `assent`. A change made with it names the"
        " service's own address in `Origin`."
    ),
)


async def _maybe_sign_in(
    request: Request,
    service: ServiceOf,
    _bearer: Annotated[object, Depends(_documented)],
    _cookie: Annotated[object, Depends(_documented_cookie)],
) -> SignIn | None:
    header = request.headers.get("authorization")
    if header is not None:
        return await run_in_threadpool(_of_bearer, header, service)
    cookie = request.cookies.get(cookie_name(service.settings))
    if cookie is None:
        return None
    found = await run_in_threadpool(_of_cookie, cookie, service)
    if found is not None:
        require_own_page(request, service.settings)
    return found


_MaybeSignInOf = Annotated[SignIn | None, Depends(_maybe_sign_in)]


async def _sign_in(found: _MaybeSignInOf) -> SignIn:
    if found is None:
        raise NotSignedIn(headers=dict(_CHALLENGE))
    return found


#: Raises NotSignedIn.
SignInOf = Annotated[SignIn, Depends(_sign_in)]


async def _maybe_caller(found: _MaybeSignInOf) -> Caller | None:
    return None if found is None else found.caller


async def _caller(found: SignInOf) -> Caller:
    return found.caller


async def _session(found: SignInOf) -> SignIn:
    if found.session_id is None:
        raise SessionNeeded
    return found


#: None for whoever is not signed in.
MaybeCallerOf = Annotated[Caller | None, Depends(_maybe_caller)]
#: Raises NotSignedIn.
CallerOf = Annotated[Caller, Depends(_caller)]
#: A session, never an access token. Raises NotSignedIn, SessionNeeded.
SessionOf = Annotated[SignIn, Depends(_session)]


def requires(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that gives a caller who has the scope; raises NotSignedIn, ScopeMissing.

    `caller: Annotated[Caller, Depends(requires(Scope.STUDY_READ))]`
    """

    async def caller_with_scope(caller: CallerOf) -> Caller:
        if scope not in caller.scopes:
            raise ScopeMissing(f"the scope {scope.value} is needed")
        return caller

    return caller_with_scope


# Both look in a database session of their own and give it back at once: a request that waited for a
# second connection while it holds one could wait for itself.


def _of_bearer(header: str, service: Service) -> SignIn:
    scheme, _, token = header.partition(" ")
    digest = digest_of(token.strip()) if scheme.lower() == "bearer" else None
    if digest is not None:
        with service.sessions() as database:
            row = repository.find_access_token(_reading(database), digest, service.clock())
        if row is not None and _stands(row, service):
            scopes = frozenset(row.scopes.split())
            caller = Caller(row.address, row.signer, scopes)
            return SignIn(caller, row.expires_at, token_id=row.id, approval=_approval(row))
    # What claims to be a token and is none is refused, also where nobody need be signed in.
    raise NotSignedIn(headers=dict(_CHALLENGE))


def _of_cookie(cookie: str, service: Service) -> SignIn | None:
    digest = digest_of(cookie)
    if digest is None:
        return None
    with service.sessions() as database:
        row = repository.find_session(_reading(database), digest, service.clock())
    if row is None or not _stands(row, service):
        return None
    caller = Caller(row.address, row.signer, ALL_SCOPES)
    return SignIn(caller, row.expires_at, session_id=row.id, approval=_approval(row))


def _stands(row: SessionRow | AccessTokenRow, service: Service) -> bool:
    """Asks a contract account again; true of any other. Raises ChainError: the node is away."""
    approval = _approval(row)
    if approval is None:
        return True
    return approval.stands(service.node, row.address, service.node.chain().head())


def _approval(row: SessionRow | AccessTokenRow) -> Approval | None:
    return None if row.approval is None else Approval.from_bytes(row.approval)


def _reading(database: Session) -> Session:
    database.connection(execution_options={"reads_only": True})
    return database
