"""Requests and answers as FHIR's RESTful API has them: JSON only, OperationOutcome for errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.fhir.dates import interval_of
from api.fhir.naming import Resource
from api.fhir.outcomes import outcome_of
from api.fhir.problems import FhirFormatRefused
from api.http.errors import problem_of
from api.service import Service

MEDIA_TYPE = "application/fhir+json"
_JSON = frozenset({"json", "application/json", "application/fhir+json", "text/json"})
_RANGES = frozenset({"*/*", "application/*"})
_log = structlog.get_logger("api.fhir")


class FhirRoute(APIRoute):
    """A route whose errors are OperationOutcomes and which writes JSON of FHIR 4.0 alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_as_fhir(request: Request) -> Response:
            try:
                require_json(request)
                return await handle(request)
            except Exception as error:  # noqa: BLE001 - told as FHIR tells it
                return _refusal(request, error)

        return handle_as_fhir


def require_json(request: Request) -> None:
    """Raises FhirFormatRefused when the answer is wanted in another form than FHIR JSON.

    `_format` comes before `Accept` (FHIR R4, 3.1.0.1.11).
    """
    wanted = request.query_params.get("_format")
    if wanted is not None:
        # An unescaped plus has become a space.
        if wanted.partition(";")[0].strip().replace(" ", "+").lower() not in _JSON:
            raise FhirFormatRefused("_format")
        return
    accept = request.headers.get("accept", "*/*")
    if not any(_is_acceptable(one) for one in accept.lower().split(",")):
        raise FhirFormatRefused("Accept")


def resource_response(
    resource: Resource, request: Request, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A resource; one with a version has its ETag, and is not sent to whoever has that version."""
    meta = resource.get("meta", {})
    sent = dict(headers or {})
    if "versionId" in meta:
        sent["ETag"] = f'W/"{meta["versionId"]}"'
        updated, _ = interval_of(meta["lastUpdated"])
        sent["Last-Modified"] = formatdate(updated, usegmt=True)
        known = request.headers.get("if-none-match", "")
        if request.method == "GET" and sent["ETag"] in [one.strip() for one in known.split(",")]:
            return Response(status_code=304, headers=sent)
    return Response(json.dumps(resource), status, sent, MEDIA_TYPE)


def prefers(request: Request) -> dict[str, str]:
    """The preferences of a request (RFC 7240), e.g. `return` and `handling`."""
    pairs = request.headers.get("prefer", "").replace(";", ",").split(",")
    named = [pair.strip().partition("=") for pair in pairs]
    return {name.lower(): value.strip('"') for name, _, value in named if name}


def _is_acceptable(range_: str) -> bool:
    kind, *parameters = [part.strip() for part in range_.split(";")]
    versions = [one.partition("=")[2] for one in parameters if one.startswith("fhirversion=")]
    refused = any(one.replace(" ", "") in ("q=0", "q=0.0") for one in parameters)
    return kind in _JSON | _RANGES and not refused and versions in ([], ["4.0"])


def _refusal(request: Request, error: Exception) -> Response:
    service: Service = request.app.state.service
    problem = problem_of(error)
    if problem.status >= 500:
        # Not the message: an exception's text may hold what was sent.
        _log.error("problem", code=problem.type, kind=type(error).__name__, exc_info=error)
    outcome = outcome_of(problem, service.settings.origin)
    headers = {**(problem.headers or {})}
    return Response(json.dumps(outcome), problem.status, headers, MEDIA_TYPE)
