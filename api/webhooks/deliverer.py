"""Queues messages for changes, and sends what is due.

A message is queued in the transaction that notes how far the webhook has looked, so every change is
queued once, whatever stops. It may be sent twice: its `webhook-id` tells the receiver.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from api.index import repository as index
from api.index.events import Change, events_after
from api.index.kinds import kind_of, names_of, told
from api.service import Service
from api.webhooks import repository
from api.webhooks.keys import SecretUnusable
from api.webhooks.sealing import seal_all
from api.webhooks.sending import Outcome, send
from api.webhooks.signing import headers
from api.webhooks.tables import Webhook, WebhookDelivery
from audit.times import date_time

#: Time from one attempt to the next (Standard Webhooks recommends this schedule); then it is given
#: up: ten attempts in three days.
BACKOFF = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
#: So many failed attempts in a row, over all of its messages, disable a webhook; 410 does at once.
DISABLED_AFTER = 20
KEPT = timedelta(days=30)
_PAGE = 200
_AT_ONCE = 50
_THREADS = 8
# Longer than any attempt may take.
_CLAIM = timedelta(minutes=2)
_log = structlog.get_logger("api.webhooks")


@dataclass(frozen=True)
class _Message:
    delivery_id: str
    webhook_id: str
    url: str
    secret: bytes
    body: bytes
    expires_at: datetime


class Deliverer:
    """The webhooks of one service. Several may run."""

    def __init__(self, service: Service, ca_file: Path | None = None) -> None:
        """`ca_file`: the only certificate authorities trusted; None: the system's."""
        self._service, self._ca_file = service, ca_file
        # Only a service that is itself reached on this machine alone may send to it.
        self._loopback = service.settings.is_local
        self._sealed = False

    def run_once(self) -> int:
        """Queues what is new and sends what is due, once each; how many attempts were made.

        Raises:
            sqlalchemy.exc.SQLAlchemyError
        """
        if not self._sealed:
            seal_all(self._service)
            self._sealed = True
        self._queue()
        messages = self._claim()
        by_webhook = [
            list(group)
            for _, group in itertools.groupby(
                sorted(messages, key=lambda message: message.webhook_id),
                key=lambda message: message.webhook_id,
            )
        ]
        if not by_webhook:
            return 0
        with ThreadPoolExecutor(min(_THREADS, len(by_webhook))) as threads:
            return sum(threads.map(self._send_in_turn, by_webhook))

    def _queue(self) -> None:
        with self._service.sessions() as database:
            database.connection(execution_options={"reads_only": True})
            newest = index.last_sequence(database)
            waiting = repository.behind(database, newest, self._service.clock())
        for webhook_id in waiting:
            while self._queue_page(webhook_id):
                pass

    def _queue_page(self, webhook_id: str) -> bool:
        """Whether there may be more."""
        now = self._service.clock()
        with self._service.sessions.begin() as database:
            newest = index.last_sequence(database)
            webhook = repository.hold(database, webhook_id)
            if webhook is None:
                return False
            names = names_of(webhook.kinds["kinds"])
            found = events_after(database, webhook.position, webhook.study_id, _PAGE, names)
            # PostgreSQL shows each statement what was indexed until then: what came after `newest`
            # was read is for the next look, which begins there.
            changes = [change for change in found if change.sequence <= newest]
            database.add_all(_delivery(webhook, change, now) for change in changes)
            full = len(changes) == _PAGE
            webhook.position = changes[-1].sequence if full else max(newest, webhook.position)
            return full

    def _claim(self) -> list[_Message]:
        now, keys = self._service.clock(), self._service.webhook_keys
        with self._service.sessions() as database:
            database.connection(execution_options={"reads_only": True})
            if not repository.due(database, now, 1, keys.names):
                return []
        with self._service.sessions.begin() as database:
            repository.forget_before(database, now - KEPT)
            repository.remove_expired(database, now - KEPT)
            found = repository.due(database, now, _AT_ONCE, keys.names)
            repository.claim(database, [delivery.id for delivery, _ in found], now + _CLAIM)
            messages = [self._message(delivery, webhook, now) for delivery, webhook in found]
            return [message for message in messages if message is not None]

    def _message(
        self, delivery: WebhookDelivery, webhook: Webhook, now: datetime
    ) -> _Message | None:
        keys = self._service.webhook_keys
        try:
            secret = keys.open(webhook.id, webhook.secret_key, webhook.secret)
        except SecretUnusable:
            # Somebody changed the row: nothing is signed with what they put there.
            webhook.disabled_at = now
            _log.error("webhook-secret-unusable", webhook_id=webhook.id)
            return None
        body = delivery.body.encode()
        return _Message(delivery.id, webhook.id, webhook.url, secret, body, webhook.expires_at)

    def _send_in_turn(self, messages: Iterable[_Message]) -> int:
        """Stops at the first failure: the others would fail too, and are due again soon."""
        attempts = 0
        for message in messages:
            now = self._service.clock()
            signed = headers(
                message.secret,
                message.delivery_id,
                int(now.timestamp()),
                message.body,
                message.expires_at,
            )
            outcome = send(
                message.url, signed, message.body, loopback=self._loopback, ca_file=self._ca_file
            )
            attempts += 1
            self._note(message, outcome)
            if not outcome.delivered:
                break
        return attempts

    def _note(self, message: _Message, outcome: Outcome) -> None:
        now = self._service.clock()
        with self._service.sessions.begin() as database:
            webhook = repository.hold(database, message.webhook_id)
            delivery = database.get(WebhookDelivery, message.delivery_id)
            if webhook is None or delivery is None:
                return
            delivery.attempts += 1
            delivery.last_status, delivery.last_error = outcome.status, outcome.error
            if outcome.delivered:
                delivery.state, delivery.delivered_at = repository.DELIVERED, now
                webhook.failures = 0
                return
            webhook.failures += 1
            if delivery.attempts > len(BACKOFF):
                delivery.state = repository.FAILED
            else:
                delivery.next_at = now + BACKOFF[delivery.attempts - 1]
            if outcome.gone or webhook.failures >= DISABLED_AFTER:
                webhook.disabled_at = now
            _log.info(
                "webhook failed",
                webhook_id=webhook.id,
                attempts=delivery.attempts,
                status=outcome.status,
                code=outcome.error,
            )


def _delivery(webhook: Webhook, change: Change, now: datetime) -> WebhookDelivery:
    body = {
        "type": kind_of(change),
        "timestamp": date_time(change.block_timestamp).isoformat(),
        "data": told(change),
    }
    return WebhookDelivery(
        id=f"msg_{secrets.token_hex(16)}",
        webhook_id=webhook.id,
        sequence=change.sequence,
        kind=kind_of(change),
        body=json.dumps(body, separators=(",", ":")),
        state=repository.PENDING,
        attempts=0,
        next_at=now,
        created_at=now,
    )
