"""Bodies have a longest length and clients a rate."""

from __future__ import annotations

from slowapi import Limiter
from slowapi.wrappers import parse_many  # type: ignore[attr-defined] # it is of limits
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.clients import client_of
from api.http.errors import problem_answer
from api.problems import BodyTooLarge, TooManyRequests

#: Whoever watches over the service is no client.
_WATCHED = {"/healthz", "/readyz", "/metrics"}


def make_limiter() -> Limiter:
    """Counts by client (`api.http.clients`); kept in memory, by process."""
    return Limiter(key_func=client_of)


class RequestRate:
    """Refuses a client's requests above so many a minute, whatever they ask for.

    slowapi's own middleware looks for the route first, does not find those of included routers, and
    then counts nothing.
    """

    def __init__(self, app: ASGIApp, limiter: Limiter, per_minute: int, origin: str) -> None:
        self._app, self._limiter, self._origin = app, limiter, origin
        (self._rate,) = parse_many(f"{per_minute}/minute")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _WATCHED:
            client = client_of(HTTPConnection(scope))
            if not self._limiter.limiter.hit(self._rate, "requests", client):
                problem = TooManyRequests(f"at most {self._rate}", {"Retry-After": "60"})
                await problem_answer(problem, self._origin)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses bodies above `limit` bytes: by their declared length, or as soon as they pass it."""

    def __init__(self, app: ASGIApp, limit: int, origin: str) -> None:
        self._app, self._limit, self._origin = app, limit, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = BodyTooLarge(f"at most {self._limit} bytes", {"Connection": "close"})
        refuse = problem_answer(problem, self._origin)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await refuse(scope, receive, send)
            return
        seen, is_too_long, answered = 0, False, False

        async def counted() -> Message:
            nonlocal seen, is_too_long
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                is_too_long = True
                return {"type": "http.disconnect"}
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            if is_too_long and not answered:
                return  # what the application makes of a body that was cut off
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        finally:
            if is_too_long and not answered:
                await refuse(scope, receive, send)
