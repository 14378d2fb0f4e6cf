"""OpenTelemetry traces, when OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

A span tells the route's template, never the path, the query or the client: which token somebody
looked at from where is nobody's to collect.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI
from opentelemetry.trace import Span

# By the old and the new semantic conventions.
_PERSONAL = (
    "http.target", "http.url", "url.path", "url.query", "url.full",
    "net.peer.ip", "net.peer.port", "client.address", "client.port",
    "http.user_agent", "user_agent.original",
)  # fmt: skip


def install_traces(app: FastAPI) -> None:
    """Traces every request to the collector in the environment; does nothing without one."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
        OTLPSpanExporter,
    )
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "assent-api"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        excluded_urls="healthz,readyz,metrics",
        server_request_hook=_withhold,
        exclude_spans=["receive", "send"],
    )


def _withhold(span: Span, _scope: dict[str, Any]) -> None:
    for name in _PERSONAL:
        span.set_attribute(name, "withheld")
