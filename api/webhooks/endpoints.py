"""Webhooks over HTTP, each its owner's alone."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy.orm import Session

from api.dependencies import Database, ServiceOf, Transaction
from api.http.paging import PagingOf
from api.index import repository as index
from api.index.kinds import names_of
from api.problems import NotFound
from api.signin.caller import Caller, SignInOf, requires
from api.signin.scopes import Scope
from api.stream.problems import KindUnknown
from api.webhooks import repository
from api.webhooks.models import (
    DeliveryPage,
    DeliveryShown,
    Renewal,
    WebhookAsked,
    WebhookMade,
    WebhookPage,
    WebhookShown,
)
from api.webhooks.problems import TooManyWebhooks, WebhookAddressRefused, WebhooksNotServed
from api.webhooks.signing import new_secret, secret_text
from api.webhooks.tables import Webhook, WebhookDelivery
from api.webhooks.targets import resolve

router = APIRouter(tags=["webhooks"])

WEBHOOKS_OF_ONE = 20
_Id = Annotated[str, Path(max_length=64, examples=["wh_0b7cbd4cf0f54a1c8ad63b1a0e0a4d18"])]
_Owner = Annotated[Caller, Depends(requires(Scope.WEBHOOK_WRITE))]


@router.post(
    "/webhooks",
    status_code=201,
    summary="Have changes sent to an address",
    description=(
        "From the next change on, for `days`. `secret` is shown this once: keep it to check"
        " messages. An access token's end changes nothing; revoking the token ends the webhooks"
        " that were made with it."
    ),
)
def make_webhook(
    body: WebhookAsked, caller: _Owner, own: SignInOf, service: ServiceOf, response: Response
) -> WebhookMade:
    key = service.webhook_keys.newest
    if key is None:
        raise WebhooksNotServed
    try:
        names_of(body.kinds)
    except ValueError as error:
        raise KindUnknown(str(error)) from None
    # Before the transaction: a name server may be slow.
    try:
        resolve(body.url, loopback=service.settings.is_local)
    except (OSError, UnicodeError):
        raise WebhookAddressRefused("its host does not resolve") from None
    secret, now = new_secret(), service.clock()
    with service.sessions.begin() as database:
        if repository.count_of(database, caller.address) >= WEBHOOKS_OF_ONE:
            raise TooManyWebhooks(f"at most {WEBHOOKS_OF_ONE}")
        webhook_id = f"wh_{secrets.token_hex(16)}"
        made = Webhook(
            id=webhook_id,
            owner=caller.address,
            url=body.url,
            secret=key.seal(webhook_id, secret),
            secret_key=key.name,
            made_by=own.token_id,
            study_id=body.study_id,
            kinds={"kinds": body.kinds},
            position=index.last_sequence(database),
            failures=0,
            created_at=now,
            expires_at=now + timedelta(days=body.days),
        )
        database.add(made)
    response.headers["Location"] = f"/v1/webhooks/{made.id}"
    return WebhookMade(**dict(_shown(made)), secret=secret_text(secret))


@router.get("/webhooks", summary="Your webhooks")
def webhooks(caller: _Owner, database: Database, paging: PagingOf) -> WebhookPage:
    after = paging.key(str)
    rows = repository.owned(database, caller.address, after[0] if after else "", paging.limit + 1)
    page = paging.page(rows, lambda row: (row.id,), _shown)
    return WebhookPage(items=page.items, next=page.next)


@router.get("/webhooks/{webhook_id}", summary="One of your webhooks")
def webhook(webhook_id: _Id, caller: _Owner, database: Database) -> WebhookShown:
    return _shown(_own(database, caller, webhook_id))


@router.delete("/webhooks/{webhook_id}", status_code=204, summary="Send nothing there any more")
def delete_webhook(webhook_id: _Id, caller: _Owner, database: Transaction) -> None:
    repository.remove(database, _own(database, caller, webhook_id))


@router.post(
    "/webhooks/{webhook_id}/enable",
    summary="Send again after failures",
    description="Messages that were waiting are sent; changes of the time between are, too.",
)
def enable_webhook(webhook_id: _Id, caller: _Owner, database: Transaction) -> WebhookShown:
    found = _own(database, caller, webhook_id)
    found.disabled_at, found.failures = None, 0
    return _shown(found)


@router.post(
    "/webhooks/{webhook_id}/renew",
    summary="Have it live on",
    description="Also for 30 days after it ended: changes of the time between are sent then.",
)
def renew_webhook(
    webhook_id: _Id, body: Renewal, caller: _Owner, service: ServiceOf, database: Transaction
) -> WebhookShown:
    found = _own(database, caller, webhook_id)
    found.expires_at = service.clock() + timedelta(days=body.days)
    return _shown(found)


@router.get("/webhooks/{webhook_id}/deliveries", summary="Its messages, newest first")
def deliveries(
    webhook_id: _Id, caller: _Owner, database: Database, paging: PagingOf
) -> DeliveryPage:
    before = paging.key(int)
    _own(database, caller, webhook_id)
    rows = repository.deliveries_of(
        database, webhook_id, before[0] if before else None, paging.limit + 1
    )
    page = paging.page(rows, lambda row: (row.sequence,), _delivery)
    return DeliveryPage(items=page.items, next=page.next)


def _own(database: Session, caller: Caller, webhook_id: str) -> Webhook:
    found = repository.of_owner(database, caller.address, webhook_id)
    if found is None:
        raise NotFound
    return found


def _shown(row: Webhook) -> WebhookShown:
    return WebhookShown(
        id=row.id,
        url=row.url,
        study_id=row.study_id,
        kinds=row.kinds["kinds"],
        failures=row.failures,
        created_at=row.created_at,
        expires_at=row.expires_at,
        disabled_at=row.disabled_at,
    )


def _delivery(row: WebhookDelivery) -> DeliveryShown:
    return DeliveryShown(
        id=row.id,
        sequence=row.sequence,
        kind=row.kind,
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at if row.state == repository.PENDING else None,
        created_at=row.created_at,
        last_status=row.last_status,
        last_error=row.last_error,
        delivered_at=row.delivered_at,
    )
