"""Consents over HTTP: drafts, passkeys' answers, and one's own tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from api.consents import repository
from api.consents.drafting import draft_grant_of, draft_of
from api.consents.models import (
    AssertionBody,
    ChallengeChoice,
    ConsentShown,
    Draft,
    GrantChoices,
    GrantDraft,
    RoundShown,
)
from api.consents.signatures import act_of
from api.consents.tokens import chain_now, require_own, show
from api.consents.withdrawals import WithdrawalShown, withdrawal_shown
from api.dependencies import ChainOf, Database, ServiceOf
from api.http.paging import Page, PagingOf, cursor
from api.index.state import study_state
from api.outbox.intake import IntakeOf
from api.outbox.models import ActShown
from api.problems import NotFound
from api.signin.caller import Caller, MaybeCallerOf, requires
from api.signin.scopes import Scope
from chain.messages import Challenge, Revocation, split_token_id
from study.overview import rounds_of_token

router = APIRouter(tags=["consents"])
ReaderOf = Annotated[Caller, Depends(requires(Scope.CONSENT_READ))]
WriterOf = Annotated[Caller, Depends(requires(Scope.CONSENT_WRITE))]


@router.post("/consents/drafts", summary="What a grant would say")
def draft_grant(body: GrantChoices, service: ServiceOf, chain: ChainOf) -> GrantDraft:
    return draft_grant_of(service, chain, body)


@router.post(
    "/consents/assertions",
    status_code=202,
    summary="Have what a passkey signed carried to the chain",
    description=(
        "A Grant, Revocation or Challenge, as the browser answered it; an account's signature goes"
        " to `/v1/acts`. No sign-in is needed: the signature authorises it."
    ),
)
def bring_assertion(
    body: AssertionBody,
    chain: ChainOf,
    intake: IntakeOf,
    caller: MaybeCallerOf,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> ActShown:
    act = act_of(body, chain)
    address = None if caller is None else caller.address
    accepted = intake.accept(act, address, idempotency_key)
    response.headers["Location"] = accepted.path
    return accepted.shown


@router.get(
    "/consents",
    summary="Your consents",
    description="A page may be short before the last: what the chain took back is left out.",
)
def list_consents(
    caller: ReaderOf, service: ServiceOf, chain: ChainOf, database: Database, paging: PagingOf
) -> Page[ConsentShown]:
    after = paging.key(str)
    since = None if after is None or not after[0].isdecimal() else min(int(after[0]), 2**256 - 1)
    rows = repository.tokens_of(database, caller.address, since, paging.limit)
    block = chain.head()
    kept = rows[: paging.limit]
    shown = [show(service, chain, database, row.token_id, block) for row in kept]
    more = len(rows) > paging.limit
    items = [one for one in shown if one is not None]
    return Page(items=items, next=cursor(str(kept[-1].token_id)) if more else None)


@router.get("/consents/{token}", summary="One of your consents, as the chain has it")
def one_consent(
    token: str, caller: ReaderOf, service: ServiceOf, chain: ChainOf, database: Database
) -> ConsentShown:
    number, _ = require_own(chain, token, caller.address)
    shown = show(service, chain, database, number, chain.head())
    if shown is None:
        raise NotFound
    return shown


@router.get("/consents/{token}/rounds", summary="Which rounds used one of your consents")
def rounds_of_consent(
    token: str, caller: ReaderOf, chain: ChainOf, database: Database
) -> list[RoundShown]:
    number, _ = require_own(chain, token, caller.address)
    state = study_state(database, split_token_id(number)[0])
    return [
        RoundShown(round=one.number, state=one.state, used=one.used, says=one.says)
        for one in rounds_of_token(state, number)
    ]


@router.get(
    "/consents/{token}/withdrawal",
    summary="What became of one of your consents that you withdrew",
    description=(
        "In plain words: which rounds and models may have used the record, what limits what they"
        " can tell of it, and the two clocks, for halting its use and for finishing what is done"
        " about models. What a hospital really counted, a receipt proves."
    ),
)
def withdrawal_of_consent(
    token: str, caller: ReaderOf, service: ServiceOf, chain: ChainOf, database: Database
) -> WithdrawalShown:
    number, consent = require_own(chain, token, caller.address)
    return withdrawal_shown(database, number, consent, chain_now(service, chain))


@router.post("/consents/{token}/revocation/drafts", summary="What a revocation says")
def draft_revocation(token: str, caller: ReaderOf, chain: ChainOf) -> Draft:
    number, _ = require_own(chain, token, caller.address)
    said = [
        ("revoking", "ends this consent for good; the record enters no further round"),
        ("earlier grants", "every grant that this address signed before becomes void"),
        ("deadline", "none: whoever has the signature can carry it at any time"),
    ]
    return draft_of(Revocation(number), chain.consent.domain, said)


@router.post("/consents/{token}/challenges/drafts", summary="What a question for a receipt says")
def draft_challenge(token: str, body: ChallengeChoice, caller: ReaderOf, chain: ChainOf) -> Draft:
    number, _ = require_own(chain, token, caller.address)
    study, site, _ = split_token_id(number)
    said = [
        ("asking", f"hospital {site} has to prove whether your record was in round {body.round}"),
        ("who sees it", "the question is public, as your consent is"),
    ]
    return draft_of(Challenge(study, body.round, site, number), chain.ledger.domain, said)
