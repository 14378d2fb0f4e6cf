"""Structured logs: one JSON object a line, on standard error, with nothing about a person."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

# What may stand in a log line. Whatever else a caller adds is dropped: addresses, tokens and texts
# of patients have no place there, and nobody has to remember it at each call.
ALLOWED = frozenset(
    {
        "timestamp", "level", "event", "request_id", "method", "route", "status", "milliseconds",
        "code", "kind", "exception", "block", "lag", "study_id", "round", "act", "act_id",
        "attempts", "count", "queue", "webhook_id", "process",
    }
)  # fmt: skip


def configure_logs() -> None:
    """JSON lines for structlog's loggers; uvicorn's own lines stay short and without addresses."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _place_of_exception,
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.getLogger("uvicorn.access").disabled = True


def _place_of_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    # Where it happened, never what was said: an exception's text may hold what was sent.
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        trace, places = error.__traceback__, []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["exception"] = f"{type(error).__name__} at {' > '.join(places[-6:])}"
    return event


def _only_allowed(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in ALLOWED}
