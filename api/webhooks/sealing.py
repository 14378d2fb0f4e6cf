"""Brings every webhook's secret under the newest key: after a key was replaced, or first made."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from api.service import Service
from api.webhooks import repository
from api.webhooks.keys import SecretUnusable

_log = structlog.get_logger("api.webhooks")


def seal_all(service: Service) -> int:
    """Seals anew what lies under another key or under none; how many webhooks.

    A secret whose key is not here stays as it is, and nothing is sent for it until that key is
    back: the log says so. So an old key may go once this has run with both.
    """
    keys = service.webhook_keys
    newest = keys.newest
    with service.sessions.begin() as database:
        _forget_for_good(database)
        rows = repository.not_sealed_by(database, None if newest is None else newest.name)
        lost = 0
        sealed = 0
        for row in rows:
            if newest is None or (row.secret_key is not None and row.secret_key not in keys.names):
                lost += 1
                continue
            try:
                secret = keys.open(row.id, row.secret_key, row.secret)
            except SecretUnusable:
                lost += 1  # a changed row: it is disabled when its turn comes
                continue
            row.secret, row.secret_key = newest.seal(row.id, secret), newest.name
            sealed += 1
    if lost:
        _log.error("webhook-key-missing", webhooks=lost)
    return sealed


def _forget_for_good(database: Session) -> None:
    if database.get_bind().dialect.name == "sqlite":
        # What lay there in plain is overwritten, not only unlinked.
        database.connection().exec_driver_sql("PRAGMA secure_delete = ON")
