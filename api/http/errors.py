"""Exceptions turned into problem details (RFC 9457); nothing of a defect's inside is told."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from api.problems import (
    ChainAway,
    ChainMismatch,
    DatabaseAway,
    IpfsAway,
    NotFound,
    RequestInvalid,
    ServiceProblem,
    problem_of_refusal,
)
from chain.errors import ChainError, ContractMissing, ContractRefused, WrongChain, WrongCode
from ipfs.objects import ObjectStoreUnreachable

_RETRY = {"Retry-After": "5"}
_log = structlog.get_logger("api")


def install_error_handlers(app: FastAPI, origin: str) -> None:
    """Every exception becomes a problem whose `type` is its page in the error catalogue."""

    def handle(request: Request, error: Exception) -> JSONResponse:
        problem = problem_of(error)
        if problem.status >= 500:
            # Not the message: an exception's text may hold what was sent.
            _log.error("problem", code=problem.type, kind=type(error).__name__, exc_info=error)
        body = problem.marshal(uri=f"{origin}/problems/{{type}}")
        request_id = getattr(request.state, "request_id", None)
        if request_id is not None:
            body["request_id"] = request_id
        headers = {**(problem.headers or {})}
        return JSONResponse(
            body, problem.status, headers=headers, media_type="application/problem+json"
        )

    for kind in (
        Exception,
        ServiceProblem,
        HTTPException,
        RequestValidationError,
        ChainError,
        DBAPIError,
        ObjectStoreUnreachable,
    ):
        app.add_exception_handler(kind, handle)


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
        case WrongChain() | ContractMissing() | WrongCode():
            return ChainMismatch(str(error))
        case ChainError():
            return ChainAway(headers=dict(_RETRY))
        case ObjectStoreUnreachable():
            return IpfsAway(headers=dict(_RETRY))
        case DBAPIError():
            return DatabaseAway(headers=dict(_RETRY))
        case _:
            return ServiceProblem()


def _of_http(error: HTTPException) -> Any:
    if error.status_code == 404:
        return NotFound()
    from rfc9457 import Problem

    code = f"http-{error.status_code}"
    headers = dict(error.headers) if error.headers else None
    return Problem(title=str(error.detail), type_=code, status=error.status_code, headers=headers)


def _shown(error: Any) -> dict[str, str]:
    # Never the input itself: it may be personal, and it may be huge.
    where = ".".join(str(part) for part in error["loc"])
    return {"member": where, "reason": str(error["msg"])}
