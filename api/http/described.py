"""Errors in the OpenAPI document: what FastAPI writes there by itself is not their shape."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

_PROBLEM = {
    "type": "http://localhost:8800/problems/contract-refuses",
    "title": "The contract would refuse this",
    "status": 409,
    "code": "contract-refuses",
    "fix": "`detail` says what the contract asks for.",
    "detail": "the record has a live token",
    "refusal": "consent-record-has-token",
    "request_id": "5e5e5e5e5e5e5e5e",
}
_OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "not-found", "diagnostics": "there is no such one"}],
}


class _Problem(BaseModel):
    model_config = ConfigDict(title="Problem", extra="allow")

    type: str
    title: str
    status: int
    code: str
    fix: str
    request_id: str | None = None
    detail: str | None = None
    refusal: str | None = None
    errors: list[dict[str, str]] | None = None


#: Of every operation but those of FHIR.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457); `/problems` lists every `code`.",
        "content": {
            "application/problem+json": {
                "schema": _Problem.model_json_schema(),
                "example": _PROBLEM,
            }
        },
    }
}
#: Of those.
OUTCOMES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An OperationOutcome; `details.coding` has the `code` of `/problems`.",
        "content": {"application/fhir+json": {"schema": {"type": "object"}, "example": _OUTCOME}},
    }
}
