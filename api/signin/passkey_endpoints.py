"""Passkeys: registering one, and signing in with it."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from api.dependencies import ServiceOf, Transaction
from api.signin import cookie, passkeys, repository, sessions
from api.signin.models import SignedIn
from api.signin.passkey_models import Authentication, Options, Passkey, Registration
from api.signin.problems import PasskeyRefused, PasskeyTaken, PasskeyUnknown
from api.signin.tables import PasskeyRow
from chain.messages import account_of_signer

router = APIRouter(prefix="/signin/passkeys", tags=["sign-in"])


@router.post("/registration-options", summary="What a new passkey is asked for", status_code=201)
def registration_options(service: ServiceOf, database: Transaction) -> Options:
    nonce, _ = sessions.give_nonce(database, service.settings, service.clock())
    return Options(public_key=passkeys.registration_options(service.settings, nonce))


@router.post(
    "/registrations",
    summary="Register a passkey",
    status_code=201,
    description=(
        "One that has not signed in, answered a hospital's code or got a consent is forgotten after"
        " 30 days (the operator may say otherwise). Nothing on the chain depends on it."
    ),
)
def register(
    body: Registration, request: Request, service: ServiceOf, database: Transaction
) -> Passkey:
    cookie.refuse_foreign_page(request, service.settings)
    now = service.clock()
    verifier = service.node.deployment.webauthn_verifier
    new = passkeys.verify_registration(body.model_dump(), service.settings, verifier)
    sessions.take_nonce(database, new.nonce, now)
    row = PasskeyRow(
        credential_id=new.credential_id,
        signer=new.signer,
        address=account_of_signer(new.signer),
        sign_count=new.sign_count,
        created_at=now,
    )
    # Whoever fills the table also empties it: nobody need be signed in to register.
    idle = timedelta(days=service.settings.unused_passkey_days)
    repository.forget_unused_passkeys(database, now - idle)
    if not repository.add_passkey(database, row):
        raise PasskeyTaken
    return Passkey(credential_id=body.id, address=row.address, signer="0x" + row.signer.hex())


@router.post("/options", summary="What a passkey is asked to sign in", status_code=201)
def authentication_options(service: ServiceOf, database: Transaction) -> Options:
    nonce, _ = sessions.give_nonce(database, service.settings, service.clock())
    return Options(public_key=passkeys.authentication_options(service.settings, nonce))


@router.post("", summary="Sign in with a passkey", status_code=201)
def sign_in_with_passkey(
    body: Authentication,
    request: Request,
    response: Response,
    service: ServiceOf,
    database: Transaction,
) -> SignedIn:
    cookie.refuse_foreign_page(request, service.settings)
    now = service.clock()
    credential = body.model_dump(exclude_none=True)
    credential_id = passkeys.credential_id_of(credential)
    known = repository.find_passkey(database, credential_id)
    if known is None:
        raise PasskeyUnknown
    answer = passkeys.verify_assertion(credential, service.settings, known.signer, known.sign_count)
    sessions.take_nonce(database, answer.nonce, now)
    if not repository.raise_sign_count(database, credential_id, answer.sign_count, now):
        raise PasskeyRefused("its counter went back: somebody may have a copy of it")
    token, row = sessions.begin_session(database, service.settings, known.signer, "passkey", now)
    cookie.set_cookie(response, service.settings, token)
    return SignedIn.of(row)
