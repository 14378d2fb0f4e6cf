"""A closed round as a FHIR Provenance: checkpoint and manifest, by whom, and from what."""

from __future__ import annotations

import base64
from typing import Any

from api.fhir.audit_resource import commitment_details
from api.fhir.codings import concept, lifecycle, terminology
from api.fhir.naming import Naming, Resource, id_of_round, ipfs_object
from api.fhir.times import instant
from audit.cid import cid_of_sha256
from audit.history import History
from audit.object_names import cid_of_checkpoint, cid_of_masked
from audit.round_state import Committing, RoundFacts

#: Verification signature (ASTM E1762).
_SIGNATURE = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.5"}


def provenance(history: History, number: int, naming: Naming) -> Resource:
    """The Provenance of a round of a study. Raises ValueError when it is not closed."""
    facts = history.rounds[number]
    if facts.closed is None or facts.closed_at is None:
        raise ValueError(f"round {number} is not closed")
    study_id, closed = history.study_id, facts.closed
    terms = history.versions[facts.opened.version].terms
    coordinator = terms.coordinator
    closed_at = instant(facts.closed_at.time)
    sealed = facts.sealed_commitments()
    signatures = [
        (closed.coordinator_signature, coordinator),
        *zip(closed.delivery_signatures, (one.site for one in sealed), strict=True),
    ]
    return {
        "resourceType": "Provenance",
        "id": id_of_round(study_id, number),
        "meta": {"versionId": "1", "lastUpdated": closed_at},
        "target": [
            ipfs_object(cid_of_checkpoint(closed.checkpoint_hash, terms)),
            ipfs_object(cid_of_sha256(closed.manifest_hash)),
        ],
        "occurredPeriod": {"start": instant(facts.opened_at.time), "end": closed_at},
        "recorded": closed_at,
        "policy": [naming.account(naming.ledger)],
        "activity": concept(lifecycle("transform")),
        "agent": [
            _agent("assembler", coordinator, naming),
            *(_agent("performer", one.site, naming) for one in sealed),
        ],
        "entity": [
            {"role": "source", "what": naming.round(study_id, number)},
            {"role": "revision", "what": ipfs_object(cid_of_checkpoint(facts.opened.base, terms))},
            *(_commitment(facts, one, study_id, naming) for one in sealed),
            *(
                {"role": "source", "what": ipfs_object(cid_of_masked(one, terms))}
                for one in closed.masked_hashes
            ),
        ],
        "signature": [
            {
                "type": [_SIGNATURE],
                "when": closed_at,
                "who": naming.organization(who),
                "sigFormat": "application/octet-stream",
                "data": base64.b64encode(data).decode(),
            }
            # Who recorded the delivery on chain beforehand needs none at the close.
            for data, who in signatures
            if data
        ],
    }


def _agent(kind: str, address: str, naming: Naming) -> dict[str, Any]:
    return {
        "type": concept(terminology("provenance-participant-type", kind)),
        "who": naming.organization(address),
    }


def _commitment(
    facts: RoundFacts, committing: Committing, study_id: int, naming: Naming
) -> dict[str, Any]:
    commitment = committing.commitment
    what = naming.commitment(study_id, facts.number, committing.site, commitment.attempt)
    details = commitment_details(commitment)
    what["display"] = f"{details['cohort-size']} records at block {details['cohort-block']}"
    return {
        "role": "source",
        "what": what,
        "agent": [_agent("author", committing.site, naming)],
    }
