"""The accounting of disclosures: for one consent, each round that could have used the record.

An instance conforms to BALP's IHE.BasicAudit.PrivacyDisclosure.Source: an export that its source
reports, with source, recipient, and the patient as an entity. Only the holder gets one.
"""

from __future__ import annotations

from typing import Any

from api.fhir.audit_resource import commitment_details
from api.fhir.codings import (
    Coding,
    concept,
    dicom,
    lifecycle,
    participation,
    resource_type,
    terminology,
)
from api.fhir.naming import Naming, Resource, id_of_disclosure, id_of_token
from api.fhir.times import instant
from audit.consent_state import StudyState
from audit.history import Token
from chain.messages import split_token_id
from study.overview import rounds_of_token

PROFILE = (
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source"
)


def disclosures(state: StudyState, token: Token, naming: Naming) -> list[Resource]:
    """One AuditEvent a round whose newest commitment could have used the token's record."""
    return [
        disclosure(state, token, found.number, naming)
        for found in rounds_of_token(state, token.token_id)
        if found.used
    ]


def disclosure(state: StudyState, token: Token, number: int, naming: Naming) -> Resource:
    """The AuditEvent of one such round. What left the site then is masked, noised and summed."""
    study_id, site, _ = split_token_id(token.token_id)
    facts = state.history.rounds[number]
    committing = facts.newest_commitments()[site]
    recorded = instant(committing.moment.time)
    coordinator = state.history.versions[facts.opened.version].terms.coordinator
    changed = facts.over_at or facts.sealed_at or committing.moment
    return {
        "resourceType": "AuditEvent",
        "id": id_of_disclosure(token.token_id, number),
        "meta": {
            "versionId": str(changed.position),
            "lastUpdated": instant(changed.time),
            "profile": [PROFILE],
        },
        "type": dicom("110106"),
        "subtype": [lifecycle("disclose")],
        "action": "R",
        "recorded": recorded,
        "outcome": "0",
        "outcomeDesc": f"round {number} is {facts.state.name.lower()}",
        "purposeOfEvent": [concept(terminology("v3-ActReason", "HRESCH"))],
        "agent": [
            _party(dicom("110153"), naming.organization(site), naming.account(site), True),
            _party(
                dicom("110152"),
                naming.organization(coordinator),
                naming.account(coordinator),
                False,
            ),
            {
                "type": concept({"system": "http://snomed.info/sct", "code": "429577009"}),
                "role": [concept(participation("AUT"))],
                "who": naming.patient(token.grant.holder),
                "requestor": False,
            },
        ],
        # The profile wants the source to be the one who reports: the site signed the commitment.
        "source": {"observer": naming.organization(site)},
        "entity": [
            {
                "what": naming.patient(token.grant.holder),
                "type": terminology("audit-entity-type", "1"),
                "role": terminology("object-role", "1"),
            },
            {
                "what": {"reference": f"Consent/{id_of_token(token.token_id)}", "type": "Consent"},
                "type": resource_type("Consent"),
            },
            {
                "what": naming.commitment(study_id, number, site, committing.commitment.attempt),
                "type": terminology("audit-entity-type", "2"),
                "role": terminology("object-role", "3"),
                "detail": [
                    {"type": name, "valueString": value}
                    for name, value in commitment_details(committing.commitment).items()
                ],
            },
            {
                "what": naming.round(study_id, number),
                "type": terminology("audit-entity-type", "2"),
                "role": terminology("object-role", "20"),
            },
        ],
    }


def _party(kind: Coding, who: dict[str, Any], account: str, requestor: bool) -> dict[str, Any]:
    # Which machines spoke is on no chain; both are reached there by their accounts (5: URI).
    return {
        "type": concept(kind),
        "who": who,
        "requestor": requestor,
        "network": {"address": account, "type": "5"},
    }
