"""Structured logs: one JSON object a line, on standard output, with nothing about a person.

What libraries have to say goes to standard error, in the same form.
"""

from __future__ import annotations

import json
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
    """JSON lines for structlog's loggers, and for what libraries have to say."""
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
    )
    logging.getLogger("uvicorn.access").disabled = True
    assert logging.lastResort is not None
    logging.lastResort.setFormatter(_OfLibraries())


class _OfLibraries(logging.Formatter):
    """A library's own line: without what comes after it, and without an exception's text."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": record.levelname.lower(),
            "kind": record.name,
            "event": record.getMessage().partition("\n")[0],
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _place(record.exc_info[1])
        return json.dumps(line)


def _place_of_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event["exception"] = _place(error)
    return event


def _place(error: BaseException) -> str:
    # Where it happened, never what was said: an exception's text may hold what was sent.
    trace, places = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' > '.join(places[-6:])}"


def _only_allowed(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in ALLOWED}
