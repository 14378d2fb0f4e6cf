"""Enrolment by code over HTTP: a site offers, a patient claims, the site answers, once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from eth_utils.address import to_checksum_address
from fastapi import APIRouter, Path

from api.dependencies import ChainOf, Database, ServiceOf, Transaction
from api.enrolments import repository
from api.enrolments.guessing import COUNTED
from api.enrolments.models import Answer, Claim, NewOffer, OfferOfSite, OfferShown, State
from api.enrolments.problems import CodeUsed, OfferNotClaimed
from api.enrolments.tables import EnrolmentOffer
from api.http.paging import Page, PagingOf, cursor
from api.problems import NotFound
from api.receipts.endpoints import SiteOf
from chain.solidity import ZERO_ADDRESS

router = APIRouter(tags=["enrolment"])
_Locator = Annotated[str, Path(examples=["0x" + "1b" * 32])]
_LOCATOR = re.compile(r"0x[0-9a-fA-F]{64}")


@router.post("/enrolments", summary="Offer an enrolment under a code's locator", status_code=201)
def offer_enrolment(
    body: NewOffer, caller: SiteOf, service: ServiceOf, chain: ChainOf, database: Transaction
) -> OfferOfSite:
    # What the chain says is who may: another's study is as good as none.
    if chain.registry.grant_rules(body.study_id, caller.address).enrolment_key == ZERO_ADDRESS:
        raise NotFound(f"study {body.study_id} is not in force, or has no such site")
    now = service.clock()
    repository.forget_expired(database, now)
    locator = _locator(body.locator)
    offer = EnrolmentOffer(
        locator=locator,
        study_id=body.study_id,
        site=caller.address,
        created_at=now,
        expires_at=now + timedelta(hours=body.hours),
    )
    if not repository.add(database, offer):
        raise CodeUsed
    return _of_site(offer)


@router.get("/enrolments", summary="Your site's offers")
def list_offers(
    caller: SiteOf, service: ServiceOf, database: Database, paging: PagingOf
) -> Page[OfferOfSite]:
    key = paging.key(str)
    after = None if key is None else _locator(key[0])
    rows = repository.offers_of(database, caller.address, service.clock(), after, paging.limit)
    kept = rows[: paging.limit]
    more = len(rows) > paging.limit
    return Page(
        items=[_of_site(row) for row in kept],
        next=cursor("0x" + kept[-1].locator.hex()) if more else None,
    )


@router.get(
    "/enrolments/{locator}", summary="An offer, for who has its code", dependencies=[COUNTED]
)
def one_offer(locator: _Locator, service: ServiceOf, database: Database) -> OfferShown:
    return _shown(_live(database, locator, service))


@router.post(
    "/enrolments/{locator}/claim", summary="Claim an offer for an address", dependencies=[COUNTED]
)
def claim_offer(locator: str, body: Claim, service: ServiceOf, database: Transaction) -> OfferShown:
    offer = _live(database, locator, service, lock=True)
    holder, claim = to_checksum_address(body.holder), bytes.fromhex(body.claim[2:])
    if offer.claim is not None and (offer.holder, offer.claim) != (holder, claim):
        raise CodeUsed
    offer.holder, offer.claim = holder, claim
    return _shown(offer)


@router.put("/enrolments/{locator}/answer", summary="Answer a claim with the enrolment")
def answer_claim(
    locator: str, body: Answer, caller: SiteOf, service: ServiceOf, database: Transaction
) -> OfferOfSite:
    offer = _of_caller(database, locator, service, caller.address)
    if offer.claim is None:
        raise OfferNotClaimed
    offer.sealed = bytes.fromhex(body.sealed[2:])
    return _of_site(offer)


@router.post(
    "/enrolments/{locator}/taken",
    status_code=204,
    summary="Forget an offer, once the enrolment was fetched",
    dependencies=[COUNTED],
)
def forget_taken(locator: str, body: Claim, service: ServiceOf, database: Transaction) -> None:
    offer = _live(database, locator, service, lock=True)
    if offer.sealed is None or offer.claim != bytes.fromhex(body.claim[2:]):
        raise NotFound
    repository.remove(database, offer)


@router.delete("/enrolments/{locator}", summary="Withdraw an offer of your site", status_code=204)
def withdraw_offer(
    locator: _Locator, caller: SiteOf, service: ServiceOf, database: Transaction
) -> None:
    repository.remove(database, _of_caller(database, locator, service, caller.address))


def _live(
    database: Database, locator: str, service: ServiceOf, *, lock: bool = False
) -> EnrolmentOffer:
    found = repository.live(database, _locator(locator), service.clock(), lock=lock)
    if found is None:
        raise NotFound
    return found


def _of_caller(
    database: Database, locator: str, service: ServiceOf, address: str
) -> EnrolmentOffer:
    found = _live(database, locator, service, lock=True)
    if found.site != address:
        raise NotFound
    return found


def _locator(text: str) -> bytes:
    if not _LOCATOR.fullmatch(text):
        raise NotFound
    return bytes.fromhex(text[2:])


def _state(offer: EnrolmentOffer) -> State:
    if offer.sealed is not None:
        return "answered"
    return "offered" if offer.claim is None else "claimed"


def _shown(offer: EnrolmentOffer) -> OfferShown:
    return OfferShown(
        study_id=offer.study_id,
        site=offer.site,
        state=_state(offer),
        expires_at=offer.expires_at,
        sealed=None if offer.sealed is None else "0x" + offer.sealed.hex(),
    )


def _of_site(offer: EnrolmentOffer) -> OfferOfSite:
    return OfferOfSite(
        locator="0x" + offer.locator.hex(),
        study_id=offer.study_id,
        state=_state(offer),
        expires_at=offer.expires_at,
        holder=offer.holder,
        claim=None if offer.claim is None else "0x" + offer.claim.hex(),
    )
