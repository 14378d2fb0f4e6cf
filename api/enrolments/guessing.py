"""A limit on looking for offers: a code has 128 bits, and nobody shall even try many."""

from __future__ import annotations

from fastapi import Depends, Request
from slowapi import Limiter
from slowapi.wrappers import parse_many  # type: ignore[attr-defined] # it is of limits

from api.http.clients import client_of
from api.problems import TooManyRequests

(_LOOKS,) = parse_many("60/minute")


def _counted(request: Request) -> None:
    limiter: Limiter = request.app.state.limiter
    if not limiter.limiter.hit(_LOOKS, "enrolment-offers", client_of(request)):
        raise TooManyRequests(f"at most {_LOOKS}", headers={"Retry-After": "60"})


#: Counts one look of a client address. Raises TooManyRequests.
COUNTED = Depends(_counted)
