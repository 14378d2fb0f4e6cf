"""Each request in logs and metrics, by its route's template: a path holds tokens and addresses."""

from __future__ import annotations

import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger("api")
_QUIET = {"/healthz", "/readyz", "/metrics"}


class RequestMetrics:
    """Counters and histograms of requests in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["method", "route", "status"]
        self.count = Counter(
            "assent_http_requests", "Requests answered.", labels, registry=registry
        )
        self.seconds = Histogram(
            "assent_http_request_seconds", "Time to answer.", labels[:2], registry=registry
        )


class ObservedRequests:
    """Logs and measures every request."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # Set by the router; an unknown path is one label, whatever it was.
            route = getattr(scope.get("route"), "path", "unknown")
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.count.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(method, route).observe(seconds)
            if route not in _QUIET:
                _log.info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    milliseconds=round(1000 * seconds, 1),
                )


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
