"""Examples of the operations for the OpenAPI document; no key has signed them."""

from __future__ import annotations

import base64
import json
from typing import Any

from api.fhir.consent_resource import consent_of_grant
from api.fhir.naming import Naming, id_of_token
from api.fhir.search_parameters import SEARCH_PARAMETERS
from chain.messages import Enrolment, Grant, Purpose, Revocation, consent_domain, language_tag
from chain.messages import token_id as token_id_of
from chain.signed_act import SignedAct

_CONTRACT = "0x" + "11" * 20
_SITE, _HOLDER = "0x" + "22" * 20, "0x" + "33" * 20
_NAMING = Naming("https://assent.example/fhir", 31337, _CONTRACT, _CONTRACT, _CONTRACT)
_DOMAIN = consent_domain(31337, _CONTRACT)
_TOKEN = token_id_of(1, _SITE, 0)
_GRANT = Grant(
    study_id=1,
    terms_hash=b"\x44" * 32,
    site=_SITE,
    holder=_HOLDER,
    purposes=int(Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING),
    disease=11382,
    use_start=1_790_000_000,
    use_end=1_820_000_000,
    data_start=0,
    data_end=2**40 - 1,
    record_commitment=b"\x55" * 32,
    consent_text_hash=b"\x66" * 32,
    language=language_tag("en"),
    revocation_counter=0,
    deadline=1_790_600_000,
)
_ENROLMENT = Enrolment(
    study_id=1,
    site=_SITE,
    holder=_HOLDER,
    record_tag=b"\x77" * 32,
    record_commitment=_GRANT.record_commitment,
    issued_at=1_790_000_000,
    deadline=1_790_600_000,
)
_SIGNER, _SIGNATURE = bytes.fromhex(_HOLDER[2:]), b"\x88" * 65

CONSENT_ID = id_of_token(_TOKEN)


def document_of(act: SignedAct) -> dict[str, Any]:
    """A DocumentReference whose attachment is a signed act."""
    data = base64.b64encode(json.dumps(act.to_json()).encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "application/json", "data": data}}],
    }


def filing(consent: dict[str, Any], act: SignedAct) -> dict[str, Any]:
    """The Parameters of a $fileConsent."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "consent", "resource": consent},
            {"name": "document", "resource": document_of(act)},
        ],
    }


def revoking(act: SignedAct, id_: str | None = None) -> dict[str, Any]:
    """The Parameters of a $revokeConsent."""
    document = {"name": "document", "resource": document_of(act)}
    reference = {"name": "consent", "valueReference": {"reference": f"Consent/{id_}"}}
    return {
        "resourceType": "Parameters",
        "parameter": [document] if id_ is None else [reference, document],
    }


FILE_CONSENT = filing(
    consent_of_grant(_GRANT, _NAMING) | {"status": "active"},
    SignedAct(_DOMAIN, _GRANT, _SIGNER, _SIGNATURE, _ENROLMENT, _SIGNATURE),
)
REVOKE_CONSENT = revoking(SignedAct(_DOMAIN, Revocation(_TOKEN), _SIGNER, _SIGNATURE), CONSENT_ID)
RECORD_DISCLOSURE = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "disclosure",
            "resource": {
                "resourceType": "AuditEvent",
                "type": {
                    "system": "http://dicom.nema.org/resources/ontology/DCM",
                    "code": "110106",
                },
                "recorded": "2026-09-21T13:46:40Z",
                "agent": [{"who": _NAMING.organization(_SITE), "requestor": True}],
                "source": {"observer": _NAMING.organization(_SITE)},
                "entity": [{"what": _NAMING.round(1, 1)}],
            },
        },
        {"name": "consent", "valueReference": {"reference": f"Consent/{CONSENT_ID}"}},
    ],
}

_VALUES = {
    "date": "ge2026-01-01",
    "reference": "",
    "token": "",
}
_OF_SEARCHES = {
    "status": "active",
    "purpose": "DUO:0000007",
    "category": "research",
    "scope": "research",
    "patient": _HOLDER,
    "patientId": f"eip155:31337|{_HOLDER}",
    "organizationId": f"eip155:31337|{_SITE}",
    "actor": _SITE,
    "agent": _SITE,
    "subtype": "committed",
    "type": "attest",
    "consent": f"Consent/{CONSENT_ID}",
    "entity": f"eip155:31337:{_CONTRACT}|1/1",
    "target": "urn:ietf:rfc:3986|ipfs://bafkrei...",
    "identifier": str(_TOKEN),
    "_id": CONSENT_ID,
}


def search_documentation(type_: str) -> dict[str, Any]:
    """The OpenAPI description of a search's parameters."""
    return {
        "parameters": [
            {
                "name": one.name,
                "in": "query",
                "required": False,
                "description": one.documentation or f"FHIR search parameter of type {one.kind}",
                "schema": {"type": "string"},
                "example": _OF_SEARCHES.get(one.name) or _VALUES[one.kind],
            }
            for one in SEARCH_PARAMETERS[type_]
        ]
        + [
            {
                "name": "_count",
                "in": "query",
                "required": False,
                "description": "Resources on a page, at most 100.",
                "schema": {"type": "integer", "minimum": 0},
                "example": 20,
            },
            {
                "name": "_after",
                "in": "query",
                "required": False,
                "description": "Of the link `next`; where the page begins.",
                "schema": {"type": "string"},
                "example": CONSENT_ID,
            },
        ]
    }


def form_documentation(type_: str) -> dict[str, Any]:
    """The OpenAPI description of the same search with its parameters in a form."""
    parameters = search_documentation(type_)["parameters"]
    properties = {
        one["name"]: one["schema"] | {"description": one["description"]} for one in parameters
    }
    return {
        "requestBody": {
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {"type": "object", "properties": properties},
                    "example": {"_count": "20"},
                }
            }
        }
    }
