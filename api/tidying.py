"""Forgets what has served its time, also when nobody asks the service for anything."""

from __future__ import annotations

from datetime import timedelta

from api.enrolments import repository as enrolments
from api.outbox import repository as outbox
from api.service import Service
from api.signin import repository as signin

_KEPT = timedelta(days=1)


class Tidying:
    """Idempotency-Keys after a day: nobody repeats a request later, and a key tells who asked for
    what. Acts that an erasure had to leave, once they are over. Passkeys that were never used.
    Sessions, access tokens, nonces and offers of an enrolment that have expired: they tell who was
    here and when.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def run_once(self) -> int:
        """Always 0: there is never more to do at once. Raises SQLAlchemyError."""
        now = self._service.clock()
        idle = timedelta(days=self._service.settings.unused_passkey_days)
        with self._service.sessions.begin() as database:
            outbox.forget_keys(database, now - _KEPT)
            outbox.forget_erased(database, now)
            signin.forget_expired(database, now)
            signin.forget_unused_passkeys(database, now - idle)
            enrolments.forget_expired(database, now)
        return 0
