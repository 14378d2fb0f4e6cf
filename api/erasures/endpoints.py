"""Export and erasure over HTTP, and the sites' side of an erasure."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from api.consents import repository as consents
from api.consents.drafting import draft_of
from api.consents.endpoints import ReaderOf, WriterOf
from api.consents.models import Draft
from api.consents.problems import SignatureUnusable
from api.consents.signatures import statement_of
from api.consents.tokens import chain_now
from api.dependencies import ChainOf, Database, ServiceOf, Transaction
from api.erasures import repository
from api.erasures.models import (
    ConfirmationBody,
    Erased,
    ErasureAtSite,
    ErasureBody,
    ErasureShown,
    Export,
)
from api.erasures.personal import PERSONAL
from api.erasures.problems import ConfirmationRefused
from api.erasures.tables import Erasure
from api.http.paging import Page, PagingOf
from api.problems import NotFound
from api.receipts.endpoints import SiteOf
from chain.messages import Erased as ErasedMessage
from chain.messages import ErasureRequest

router = APIRouter(tags=["your data"])
_ID = re.compile(r"[0-9a-f]{32}")
_KEPT = {name: why for name, how in PERSONAL.items() if (why := how.kept or how.left)} | {
    "events": "a copy of the public chain, from which this service cannot take anything away",
    "relay_transactions": "what was sent to the public chain, as it was sent",
}


@router.get("/me/export", summary="Everything that is held about your address")
def export(caller: ReaderOf, service: ServiceOf, database: Database) -> Export:
    sections = repository.rows_about(database, caller.address)
    sections["events"] = repository.events_about(database, caller.address)
    return Export(
        address=caller.address,
        exported_at=service.clock(),
        sections={name: [_plain(row) for row in rows] for name, rows in sections.items()},
        kept_after_erasure=_KEPT,
    )


@router.post("/me/erasure/drafts", summary="What a request for erasure at the sites says")
def draft_erasure(caller: ReaderOf, service: ServiceOf, chain: ChainOf) -> Draft:
    said = [
        ("erasing", "each hospital of your consents destroys what links your record to them"),
        ("for good", "your record can then never be enrolled again there"),
        ("first", "revoke: a hospital destroys nothing that a live consent still needs"),
        ("what stays", "your consents on the chain, which then lead to no record"),
    ]
    request = ErasureRequest(caller.address, chain_now(service, chain))
    return draft_of(request, chain.consent.domain, said)


@router.post("/me/erasure", summary="Erase what is held about your address", status_code=202)
def erase(
    body: ErasureBody, caller: WriterOf, service: ServiceOf, chain: ChainOf, database: Transaction
) -> Erased:
    signed = None
    if body.request is not None:
        said = statement_of(body.request, ErasureRequest, chain, caller.address)
        if said.message.holder != caller.address:
            raise SignatureUnusable("it is another holder's request")
        signed = said.to_json()
    sites = {
        (token.study_id, token.site) for token in consents.all_tokens_of(database, caller.address)
    }
    for study_id, site in sorted(sites):
        repository.ask(
            database,
            secrets.token_hex(16),
            caller.address,
            study_id,
            site,
            signed,
            service.clock(),
        )
    erased = repository.erase(database, caller.address, service.clock())
    asked = repository.erasures_of(database, caller.address)
    return Erased(erased=erased, kept=_KEPT, sites=[_shown(one) for one in asked])


@router.get("/me/erasure", summary="What became of your requests for erasure")
def erasures(caller: ReaderOf, database: Database) -> list[ErasureShown]:
    return [_shown(one) for one in repository.erasures_of(database, caller.address)]


@router.get("/erasures", summary="Requests for erasure that wait for your site")
def erasures_of_site(caller: SiteOf, database: Database, paging: PagingOf) -> Page[ErasureAtSite]:
    key = paging.key(str)
    after = None if key is None or not _ID.fullmatch(key[0]) else str(key[0])
    rows = repository.of_site(database, caller.address, after, paging.limit)
    return paging.page(rows, lambda row: (row.id,), _at_site)


@router.post("/erasures/{erasure_id}/confirmation", summary="Confirm an erasure at your site")
def confirm(
    erasure_id: str,
    body: ConfirmationBody,
    caller: SiteOf,
    service: ServiceOf,
    chain: ChainOf,
    database: Transaction,
) -> ErasureShown:
    said = statement_of(body.statement, ErasedMessage, chain, caller.address)
    found = repository.find(database, erasure_id) if _ID.fullmatch(erasure_id) else None
    if found is None or found.site != caller.address:
        raise NotFound
    named = (said.message.study_id, said.message.site, said.message.holder)
    if named != (found.study_id, found.site, found.holder):
        raise ConfirmationRefused
    if found.confirmed_at is None:
        found.confirmed_at, found.confirmation = service.clock(), said.to_json()
    return _shown(found)


def _shown(row: Erasure) -> ErasureShown:
    return ErasureShown(
        id=row.id,
        study_id=row.study_id,
        site=row.site,
        requested_at=row.requested_at,
        signed=row.request is not None,
        confirmed_at=row.confirmed_at,
        confirmed_by=None if row.confirmed_at is None else row.site,
        confirmation=row.confirmation,
    )


def _at_site(row: Erasure) -> ErasureAtSite:
    return ErasureAtSite(
        id=row.id,
        study_id=row.study_id,
        holder=row.holder,
        requested_at=row.requested_at,
        request=row.request,
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    match value:
        case bytes():
            return "0x" + value.hex()
        case datetime():
            return value.isoformat()
        case int() if abs(value) >= 1 << 53:
            return str(value)
        case _:
            return value
