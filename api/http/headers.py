"""Request ids, security headers, and answers that need not be sent twice (ETag)."""

from __future__ import annotations

import hashlib
import re
import secrets

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_TAGGED = 4 * 1024 * 1024

# JSON is all that is served here; pages come from elsewhere. OWASP REST Security Cheat Sheet.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Permissions-Policy": "publickey-credentials-get=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RequestHeaders:
    """Gives each request an id (the caller's `X-Request-ID` if it is one), bound to its logs."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self._app = app
        self._fixed = dict(SECURITY_HEADERS)
        if https:
            self._fixed["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, with_headers)


class EntityTags:
    """ETag of every JSON answer to a GET, and 304 to whoever has it (RFC 9110, section 13)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None
        body = bytearray()
        plain = False

        async def tagged(message: Message) -> None:
            nonlocal start, plain
            if plain:
                await send(message)
                return
            if message["type"] == "http.response.start":
                given = Headers(raw=message["headers"])
                kind = given.get("content-type", "")
                # What has a tag of its own, such as a FHIR version, keeps it.
                plain = message["status"] != 200 or "json" not in kind or "etag" in given
                if plain:
                    await send(message)
                else:
                    start = message
                return
            assert start is not None
            body.extend(message.get("body", b""))
            if message.get("more_body") and len(body) <= _LONGEST_TAGGED:
                return
            headers = MutableHeaders(scope=start)
            if not message.get("more_body"):
                tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
                headers["ETag"] = tag
                headers["Cache-Control"] = "private, no-cache"
                if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
                    start["status"] = 304
                    body.clear()
                    del headers["content-length"]
            plain = True
            await send(start)
            await send({**message, "body": bytes(body)})

        await self._app(scope, receive, tagged)
