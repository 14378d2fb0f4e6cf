"""Sign-in by Ethereum accounts, and sessions."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.dependencies import ServiceOf, Transaction
from api.signin import cookie, ethereum, sessions
from api.signin.models import EthereumSignIn, Nonce, SignedIn
from chain.messages import signer_of_account

router = APIRouter(tags=["sign-in"])


@router.post("/signin/nonce", summary="A nonce for one sign-in", status_code=201)
def nonce(service: ServiceOf, database: Transaction) -> Nonce:
    settings = service.settings
    given, expires_at = sessions.give_nonce(database, settings, service.clock())
    return Nonce(
        nonce=given,
        expires_at=expires_at,
        domain=settings.domain,
        uri=settings.origin,
        chain_id=service.node.deployment.chain_id,
    )


@router.post(
    "/signin/ethereum",
    summary="Sign in with an Ethereum account",
    status_code=201,
    description=(
        "An account with code (ERC-1271), such as a minor's guardian account, is asked on the"
        " service's own node. Its session lasts only as long as it stands by this signature."
    ),
)
def sign_in_with_ethereum(
    body: EthereumSignIn,
    request: Request,
    response: Response,
    service: ServiceOf,
    database: Transaction,
) -> SignedIn:
    cookie.refuse_foreign_page(request, service.settings)
    now = service.clock()
    found = ethereum.verify_sign_in(
        body.message, body.signature, service.settings, service.node, now
    )
    sessions.take_nonce(database, found.nonce, now)
    signer = signer_of_account(found.address)
    token, row = sessions.begin_session(
        database, service.settings, signer, "ethereum", now, found.approval
    )
    cookie.set_cookie(response, service.settings, token)
    return SignedIn.of(row, found.as_of)
