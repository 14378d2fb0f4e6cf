"""A grant and a token as a FHIR Consent. No personal data: the patient is an address."""

from __future__ import annotations

import re
from typing import Any

from api.fhir.consent_versions import Version
from api.fhir.naming import Naming, Resource, id_of_token
from api.fhir.purpose_codes import conditions, purpose_codings
from api.fhir.times import instant, period
from audit.cid import cid_of_sha256
from audit.history import Token
from chain.messages import Grant, consent_domain

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
STUDY_CONTEXT = "http://hl7.org/fhir/StructureDefinition/consent-ResearchStudyContext"
SCOPE = {"system": f"{_TERMINOLOGY}/consentscope", "code": "research"}
CATEGORIES = (
    {"system": "http://loinc.org", "code": "59284-0"},
    {"system": f"{_TERMINOLOGY}/consentcategorycodes", "code": "research"},
)
_RECIPIENT = {"system": f"{_TERMINOLOGY}/v3-ParticipationType", "code": "IRCP"}
_LANGUAGE = re.compile(rb"([A-Za-z0-9-]{1,8})\0*")


def consent_of_grant(grant: Grant, naming: Naming) -> Resource:
    """What a signed grant says, and nothing else: a Consent without id, status or verification."""
    purposes = purpose_codings(grant.purposes, grant.disease, naming)
    provision: dict[str, Any] = {
        "extension": [{"url": STUDY_CONTEXT, "valueReference": naming.study(grant.study_id)}],
        # Without a purpose FHIR permits every one; a grant of conditions alone permits nothing.
        "type": "permit" if purposes else "deny",
        "period": period(grant.use_start, grant.use_end),
        "actor": [
            {"role": _concept(_RECIPIENT), "reference": naming.organization(grant.site)},
        ],
        "dataPeriod": period(grant.data_start, grant.data_end),
    }
    if purposes:
        provision["purpose"] = purposes
    if restricting := conditions(grant.purposes, naming):
        provision["modifierExtension"] = restricting
    return {
        "resourceType": "Consent",
        "scope": _concept(SCOPE),
        "category": [_concept(one) for one in CATEGORIES],
        "patient": naming.patient(grant.holder),
        "performer": [naming.patient(grant.holder)],
        "organization": [naming.organization(grant.site)],
        "sourceAttachment": _consent_text(grant),
        "policyRule": _concept(
            {"system": naming.studies, "code": "0x" + grant.terms_hash.hex()},
        ),
        "provision": provision,
    }


def consent_of_token(token: Token, version: Version, naming: Naming) -> Resource:
    """A token as it stood from one of its versions on, without `verification`."""
    return consent_of_grant(token.grant, naming) | {
        "id": id_of_token(token.token_id),
        "meta": {"versionId": str(version.number), "lastUpdated": instant(version.since)},
        "identifier": [{"system": naming.tokens, "value": str(token.token_id)}],
        "status": "active" if version.active else "inactive",
        "dateTime": instant(token.granted.time),
    }


def consent_resource(token: Token, version: Version, naming: Naming) -> Resource:
    """The same with what was verified: it takes a millisecond to compute what was signed."""
    signed = {"url": naming.extension("signed-hash"), "valueCode": signed_hash(token.grant, naming)}
    verification = {
        "extension": [signed],
        "verified": True,
        "verifiedWith": naming.patient(token.grant.holder),
        "verificationDate": instant(token.granted.time),
    }
    return consent_of_token(token, version, naming) | {"verification": [verification]}


def signed_hash(grant: Grant, naming: Naming) -> str:
    """The EIP-712 digest that the holder signed, 0x hex: anyone can compute it from the event."""
    domain = consent_domain(naming.chain_id, naming.consent_token)
    return "0x" + grant.digest(domain).hex()


def _consent_text(grant: Grant) -> dict[str, Any]:
    shown = {
        "contentType": "application/json",
        "url": f"ipfs://{cid_of_sha256(grant.consent_text_hash)}",
    }
    # The contract does not look at it; what is no language tag is left out.
    if language := _LANGUAGE.fullmatch(grant.language):
        shown["language"] = language[1].decode()
    return shown


def _concept(*codings: dict[str, Any]) -> dict[str, Any]:
    return {"coding": list(codings)}
