"""Exceptions turned into problem details (RFC 9457); nothing of a defect's inside is told."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import (
    BodyUnreadable,
    ChainAway,
    ChainMismatch,
    DatabaseAway,
    IpfsAway,
    MethodNotServed,
    NotFound,
    RequestInvalid,
    ServiceProblem,
    problem_of_refusal,
)
from chain.errors import (
    ChainError,
    ContractMissing,
    ContractRefused,
    WrongChain,
    WrongCode,
    WrongOrigin,
)
from ipfs.objects import ObjectStoreUnreachable

_RETRY = {"Retry-After": "5"}
_log = structlog.get_logger("api")


def install_error_handlers(app: FastAPI, origin: str) -> None:
    """Every exception that is expected becomes a problem; `Defects` sees to all others."""

    def handle(request: Request, error: Exception) -> JSONResponse:
        return _told(request, error, origin)

    for kind in (
        ServiceProblem,
        HTTPException,
        RequestValidationError,
        ChainError,
        DBAPIError,
        NoConnection,
        ObjectStoreUnreachable,
    ):
        app.add_exception_handler(kind, handle)


class Defects:
    """Tells whatever nobody expected as a defect, with the headers that every answer has.

    Starlette's own handler stands outside of whatever adds headers, and raises again what it told:
    then the server writes the exception's text to its log.
    """

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app, self._origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if began or scope["type"] != "http":
                _log.error("cut short", kind=type(error).__name__, exc_info=error)
                raise
            await _told(Request(scope), error, self._origin)(scope, receive, send)


def _told(request: Request, error: Exception, origin: str) -> JSONResponse:
    problem = problem_of(error)
    if problem.status >= 500:
        # Not the message: an exception's text may hold what was sent.
        _log.error("problem", code=problem.type, kind=type(error).__name__, exc_info=error)
    return problem_answer(problem, origin, getattr(request.state, "request_id", None))


def problem_answer(problem: Any, origin: str, request_id: str | None = None) -> JSONResponse:
    """The answer that tells a problem; its `type` is the page in the error catalogue."""
    body = problem.marshal(uri=f"{origin}/problems/{{type}}")
    if request_id is not None:
        body["request_id"] = request_id
    headers = dict(problem.headers or {})
    return JSONResponse(
        body, problem.status, headers=headers, media_type="application/problem+json"
    )


def problem_of(error: Exception) -> Any:
    """The problem that an exception is told as."""
    match error:
        case ServiceProblem():
            return error
        case RequestValidationError():
            return RequestInvalid(errors=[_shown(one) for one in error.errors()])
        case HTTPException():
            return _of_http(error)
        case ContractRefused():
            return problem_of_refusal(error)
        case WrongChain() | ContractMissing() | WrongCode() | WrongOrigin():
            return ChainMismatch(str(error))
        case ChainError():
            return ChainAway(headers=dict(_RETRY))
        case ObjectStoreUnreachable():
            return IpfsAway(headers=dict(_RETRY))
        case DataError():
            return RequestInvalid("it holds a character or number that nothing here can have")
        # The latter: others keep every connection, and did not give one back in time.
        case DBAPIError() | NoConnection():
            return DatabaseAway(headers=dict(_RETRY))
        case _:
            return ServiceProblem()


def _of_http(error: HTTPException) -> ServiceProblem:
    """What the framework itself raises."""
    headers = dict(error.headers) if error.headers else None
    match error.status_code:
        case 400:
            return BodyUnreadable(headers=headers)
        case 404:
            return NotFound()
        case 405:
            return MethodNotServed(headers=headers)
        case _:
            return ServiceProblem()


def _shown(error: Any) -> dict[str, str]:
    # Never the input itself: it may be personal, and it may be huge.
    where = ".".join(str(part) for part in error["loc"])
    return {"member": where, "reason": str(error["msg"])}
