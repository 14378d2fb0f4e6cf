"""Forgets Idempotency-Keys after a day, and acts that an erasure had to leave."""

from __future__ import annotations

from datetime import timedelta

from api.outbox import repository
from api.service import Service

_KEPT = timedelta(days=1)


class Tidying:
    """Nobody repeats a request a day later, and a key tells who asked for what. What was on its way
    when somebody asked for erasure goes once it is over.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def run_once(self) -> int:
        """Always 0: there is never more to do at once. Raises SQLAlchemyError."""
        now = self._service.clock()
        with self._service.sessions.begin() as database:
            repository.forget_keys(database, now - _KEPT)
            repository.forget_erased(database, now)
        return 0
