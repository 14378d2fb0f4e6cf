"""The CapabilityStatement, made from the routes and search parameters that are really served."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.fhir.naming import Naming, Resource
from api.fhir.search_parameters import SEARCH_PARAMETERS

_OPERATION = "http://hl7.org/fhir/us/consent-management/OperationDefinition"
_OPERATIONS = {
    "fileConsent": (
        f"{_OPERATION}/file-consent",
        "`document` is the signed grant; a Consent with it as sourceAttachment will do too.",
    ),
    "revokeConsent": (
        f"{_OPERATION}/revoke-consent",
        "`document` is the signed revocation and has to be there. Also on Consent/ID.",
    ),
    "recordDisclosure": (
        f"{_OPERATION}/record-disclosure",
        "Nothing is recorded: the answer says whether the chain tells of the disclosure already.",
    ),
}
_TYPE = re.compile(r"/([A-Z][A-Za-z]+)(/.*)?")
#: What follows the type, and the method -> interaction.
_INTERACTIONS = {
    ("GET", None): "search-type",
    ("GET", "/{resource_id}"): "read",
    ("GET", "/{resource_id}/_history/{version}"): "vread",
    ("GET", "/{resource_id}/_history"): "history-instance",
}
_SECURITY = (
    "A Consent is shown to its holder, to its site and to the study's committee, who sign in with"
    " Sign-In with Ethereum or a passkey (session cookie) or send an access token (Bearer);"
    " to anyone else it does not exist. AuditEvent and Provenance of rounds are public facts of the"
    " chain; the accounting of disclosures is the holder's alone."
)


def capability_statement(routes: Iterable[BaseRoute], version: str, naming: Naming) -> Resource:
    """What these routes serve; their paths begin with the type of resource."""
    interactions: dict[str, set[str]] = {}
    operations: dict[str, set[str]] = {}
    for method, type_, rest in _served(routes):
        known = interactions.setdefault(type_, set())
        if rest is not None and "$" in rest:
            operations.setdefault(type_, set()).add(rest.rpartition("$")[2])
        elif (method, rest) in _INTERACTIONS:
            known.add(_INTERACTIONS[method, rest])
    resources = [
        _resource(type_, sorted(interactions[type_]), sorted(operations.get(type_, ())))
        for type_ in sorted(interactions)
    ]
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{naming.base}/metadata",
        "version": version,
        "name": "AssentService",
        "title": "Consent, admissions and rounds of Assent",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "software": {"name": "Assent", "version": version},
        "implementation": {
            "description": f"Contracts on chain {naming.chain_id}; ledger {naming.ledger}",
            "url": naming.base,
        },
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [{"mode": "server", "security": {"description": _SECURITY}, "resource": resources}],
    }


def _served(routes: Iterable[BaseRoute]) -> Iterable[tuple[str, str, str | None]]:
    for route in routes:
        if isinstance(route, APIRoute):
            found = _TYPE.fullmatch(route.path)
            for method in sorted(route.methods or ()):
                if found is not None:
                    yield method, found[1], found[2]


def _resource(type_: str, interactions: list[str], operations: list[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": type_,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned" if "vread" in interactions else "no-version",
        "referencePolicy": ["logical"],
    }
    if "search-type" in interactions:
        shown["searchParam"] = [
            {
                "name": one.name,
                "definition": one.definition,
                "type": one.kind,
                **({"documentation": one.documentation} if one.documentation else {}),
            }
            for one in SEARCH_PARAMETERS[type_]
        ]
    if operations:
        shown["operation"] = [
            {
                "name": name,
                "definition": _OPERATIONS[name][0],
                "documentation": _OPERATIONS[name][1],
            }
            for name in operations
        ]
    return shown
