"""Bodies have a longest length and clients a rate."""

from __future__ import annotations

from slowapi import Limiter
from slowapi.util import get_remote_address
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import BodyTooLarge


def make_limiter(requests_per_minute: int) -> Limiter:
    """Limits each client address; kept in memory, by process."""
    return Limiter(
        key_func=get_remote_address,
        default_limits=[f"{requests_per_minute}/minute"],
        headers_enabled=True,
    )


class BodyLimit:
    """Refuses bodies above `limit` bytes: by their declared length, or as soon as they pass it."""

    def __init__(self, app: ASGIApp, limit: int, origin: str) -> None:
        self._app, self._limit, self._origin = app, limit, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        seen, answered = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise _TooLong
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLong:
            if not answered:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = BodyTooLarge(f"at most {self._limit} bytes")
        body = problem.marshal(uri=f"{self._origin}/problems/{{type}}")
        answer = JSONResponse(
            body,
            problem.status,
            media_type="application/problem+json",
            headers={"Connection": "close"},
        )
        await answer(scope, receive, send)


class _TooLong(Exception):
    """The body has passed its limit."""
