"""Forgets Idempotency-Keys after a day."""

from __future__ import annotations

from datetime import timedelta

from api.outbox import repository
from api.service import Service

_KEPT = timedelta(days=1)


class Tidying:
    """Nobody repeats a request a day later, and a key tells who asked for what."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def run_once(self) -> int:
        """Always 0: there is never more to do at once. Raises SQLAlchemyError."""
        with self._service.sessions.begin() as database:
            repository.forget_keys(database, self._service.clock() - _KEPT)
        return 0
