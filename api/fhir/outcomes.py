"""OperationOutcome: what went wrong, or was accepted, as FHIR tells it."""

from __future__ import annotations

from typing import Any

from api.problems import ServiceProblem

#: HTTP status -> IssueType (http://hl7.org/fhir/R4/valueset-issue-type.html).
_ISSUE_TYPES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "business-rule",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
}


def outcome_of(problem: Any, origin: str) -> dict[str, Any]:
    """A problem of the service as an OperationOutcome; `details` is its code in the catalogue."""
    issues, expression = problem.extras.get("errors"), problem.extras.get("expression")
    text = problem.detail or problem.title
    if issues:
        text = "; ".join(f"{one['member']}: {one['reason']}" for one in issues)
    issue: dict[str, Any] = {
        "severity": "error" if problem.status < 500 else "fatal",
        "code": _ISSUE_TYPES.get(problem.status, "exception"),
        "details": {
            "coding": [{"system": f"{origin}/problems", "code": problem.type}],
            "text": str(problem.title),
        },
        "diagnostics": str(text),
    }
    if expression:
        issue["expression"] = [expression]
    if isinstance(problem, ServiceProblem):
        issue["diagnostics"] += f" ({problem.fix})"
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def informational(text: str) -> dict[str, Any]:
    """What an operation has done."""
    issue = {"severity": "information", "code": "informational", "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
