"""Whether a resource is one of FHIR R4, as fhir.resources and the rules of JSON in FHIR say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
#: Elements with a required binding that are used here, and the codes of R4.
_BOUND = {
    "Consent.status": {"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"},
    "Consent.provision.type": {"deny", "permit"},
    "AuditEvent.action": {"C", "R", "U", "D", "E"},
    "AuditEvent.outcome": {"0", "4", "8", "12"},
    "AuditEvent.agent.network.type": {"1", "2", "3", "4", "5"},
    "Provenance.entity.role": {"derivation", "revision", "quotation", "source", "removal"},
    "Bundle.type": {"searchset", "history"},
    "Bundle.entry.search.mode": {"match"},
    "OperationOutcome.issue.severity": {"fatal", "error", "warning", "information"},
    "CapabilityStatement.kind": {"instance"},
}


def valid(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource, once it is found valid: itself and every resource in it."""
    model = get_fhir_model_class(resource["resourceType"])
    model.model_validate(resource)
    if "id" in resource:
        assert _ID.fullmatch(resource["id"])
    for path, value in leaves(resource, resource["resourceType"]):
        assert value not in ("", [], {}, None), f"{path} is empty"
        assert value in _BOUND.get(path, {value}), f"{path}: {value}"
    for entry in resource.get("entry", []) if resource["resourceType"] == "Bundle" else []:
        valid(entry["resource"])
    return resource


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value below, with its path; list places are left out."""
    if isinstance(value, dict) and value:
        for name, one in value.items():
            nested = name == "resource" and "resourceType" in one
            yield from () if nested else leaves(one, f"{path}.{name}")
    elif isinstance(value, list) and value:
        for one in value:
            yield from leaves(one, path)
    else:
        yield path, value


def resources_of(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """What a Bundle holds."""
    return [entry["resource"] for entry in bundle.get("entry", [])]
