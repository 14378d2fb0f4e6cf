"""Receipts over HTTP: a holder names a key, the site encrypts to it, the holder fetches."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.consents.drafting import draft_of
from api.consents.endpoints import ReaderOf, WriterOf
from api.consents.models import Draft, StatementBody
from api.consents.signatures import statement_of
from api.consents.tokens import chain_now, require_own, token_number
from api.dependencies import ChainOf, Database, ServiceOf, Transaction
from api.http.paging import Page, PagingOf, cursor
from api.problems import NotFound
from api.receipts import repository
from api.receipts.models import (
    ReceiptBody,
    ReceiptKeyChoice,
    ReceiptKeyShown,
    ReceiptShown,
    WantedReceipts,
)
from api.receipts.problems import ReceiptKeyMissing, ReceiptKeyOlder, ReceiptKeyRefused
from api.receipts.tables import ReceiptKeyRow, SealedReceipt
from api.signin.caller import Caller, requires
from api.signin.scopes import Scope
from chain.messages import ReceiptKey, split_token_id
from study.receipt_envelope import EnvelopeInvalid, seal

router = APIRouter(tags=["receipts"])
SiteOf = Annotated[Caller, Depends(requires(Scope.SITE_WRITE))]
# A phone's clock may be ahead of ours by so much.
_AHEAD_SECONDS = 300


@router.post("/me/receipt-key/drafts", summary="What naming a receipt key says")
def draft_receipt_key(
    body: ReceiptKeyChoice, caller: ReaderOf, service: ServiceOf, chain: ChainOf
) -> Draft:
    key = ReceiptKey(caller.address, bytes.fromhex(body.x25519[2:]), chain_now(service, chain))
    said = [
        ("receipts", "hospitals encrypt receipts about your consents to this key, and to no other"),
        ("key", body.x25519),
        ("you act as", caller.address),
    ]
    return draft_of(key, chain.consent.domain, said)


@router.put("/me/receipt-key", summary="Name the key for your receipts")
def put_receipt_key(
    body: StatementBody,
    caller: WriterOf,
    service: ServiceOf,
    chain: ChainOf,
    database: Transaction,
) -> ReceiptKeyShown:
    said = statement_of(body, ReceiptKey, chain, caller.address)
    key = said.message
    if key.holder != caller.address:
        raise ReceiptKeyRefused("it names another holder")
    if key.issued_at > chain_now(service, chain) + _AHEAD_SECONDS:
        raise ReceiptKeyRefused("it is dated later than now")
    try:
        seal(b"", key.x25519, chain.consent.domain, 0, 0)
    except EnvelopeInvalid as error:
        raise ReceiptKeyRefused(str(error)) from None
    known = repository.key_of(database, caller.address)
    if known is not None and known.issued_at > key.issued_at:
        raise ReceiptKeyOlder
    row = ReceiptKeyRow(
        holder=caller.address,
        x25519=key.x25519,
        issued_at=key.issued_at,
        statement=said.to_json(),
        stored_at=service.clock(),
    )
    repository.put_key(database, row)
    return _key_shown(row)


@router.get("/me/receipt-key", summary="The key that you named for your receipts")
def receipt_key(caller: ReaderOf, database: Database) -> ReceiptKeyShown:
    found = repository.key_of(database, caller.address)
    if found is None:
        raise NotFound
    return _key_shown(found)


@router.get("/consents/{token}/receipts", summary="Receipts of one of your consents, encrypted")
def receipts_of_consent(
    token: str, caller: ReaderOf, chain: ChainOf, database: Database
) -> list[ReceiptShown]:
    number, _ = require_own(chain, token, caller.address)
    return [_shown(row) for row in repository.receipts_of(database, number)]


@router.get("/receipts/wanted", summary="Tokens of your site whose holders want receipts")
def wanted_receipts(
    caller: SiteOf,
    database: Database,
    paging: PagingOf,
    study_id: Annotated[int, Query(ge=1, le=2**53 - 1)],
) -> Page[WantedReceipts]:
    after = paging.key(str)
    since = None if after is None or not after[0].isdecimal() else min(int(after[0]), 2**256 - 1)
    rows = repository.wanting(database, study_id, caller.address, since, paging.limit)
    kept = rows[: paging.limit]
    held = repository.rounds_held(database, [token for token, _ in kept], caller.address)
    items = [
        WantedReceipts(
            token_id=str(token),
            receipt_key=key.statement,
            held=sorted(r for r, to in held.get(token, {}).items() if to == key.x25519),
        )
        for token, key in kept
    ]
    return Page(items=items, next=cursor(str(kept[-1][0])) if len(rows) > paging.limit else None)


@router.put("/receipts/{token}/{round}", summary="Bring a receipt of your site", status_code=204)
def put_receipt(
    token: str,
    round_: Annotated[int, Path(alias="round", ge=1, le=2**32 - 1)],
    body: ReceiptBody,
    caller: SiteOf,
    service: ServiceOf,
    chain: ChainOf,
    database: Transaction,
) -> None:
    number = token_number(token)
    study, site, _ = split_token_id(number)
    if site != caller.address or round_ > chain.ledger.round_count(study):
        raise NotFound
    holder = chain.consent.consent(number).holder
    # An erasure that comes meanwhile waits, and finds the receipt.
    key = repository.key_of(database, holder, lock=True)
    x25519 = bytes.fromhex(body.x25519[2:])
    if key is None or key.x25519 != x25519:
        raise ReceiptKeyMissing
    sealed = bytes.fromhex(body.sealed[2:])
    row = repository.sealed_receipt(number, round_, site, holder, x25519, sealed, service.clock())
    repository.put_receipt(database, row)


def _key_shown(row: ReceiptKeyRow) -> ReceiptKeyShown:
    return ReceiptKeyShown(
        x25519="0x" + row.x25519.hex(),
        issued_at=row.issued_at,
        statement=row.statement,
        stored_at=row.stored_at,
    )


def _shown(row: SealedReceipt) -> ReceiptShown:
    return ReceiptShown(
        token_id=str(row.token_id),
        round=row.round,
        x25519="0x" + row.x25519.hex(),
        sealed="0x" + row.sealed.hex(),
        stored_at=row.stored_at,
    )
