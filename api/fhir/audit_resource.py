"""An event of a round as a FHIR AuditEvent: what the chain says happened, and never of whom.

A commitment says how many records a site admitted and at which block, not which: tokens are in no
AuditEvent of this module. No BALP profile is claimed, because those are of RESTful acts or name a
patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.fhir.codings import Coding, concept, lifecycle, participation, resource_type, terminology
from api.fhir.naming import Naming, Resource, id_of_event, ipfs_object
from api.fhir.times import instant
from audit.cid import cid_of_sha256
from audit.object_names import cid_of_checkpoint, cid_of_masked
from chain import events as ev
from chain.messages import AbortReason, Commitment, Terms

RoundEvent = (
    ev.Opened
    | ev.Committed
    | ev.Sealed
    | ev.DeliveryRecorded
    | ev.Closed
    | ev.Aborted
    | ev.Barred
    | ev.Readmitted
    | ev.Challenged
    | ev.Answered
    | ev.Faulted
)

#: By event: its code here, what it is in a record's life cycle (ISO 21089), and the FHIR action.
ACTS: dict[type[ev.Event], tuple[str, str, str]] = {
    ev.Opened: ("opened", "originate", "C"),
    ev.Committed: ("committed", "attest", "C"),
    ev.Sealed: ("sealed", "verify", "E"),
    ev.DeliveryRecorded: ("delivery-recorded", "transmit", "C"),
    ev.Closed: ("closed", "transform", "E"),
    ev.Aborted: ("aborted", "deprecate", "E"),
    ev.Barred: ("barred", "hold", "U"),
    ev.Readmitted: ("readmitted", "unhold", "U"),
    ev.Challenged: ("challenged", "verify", "E"),
    ev.Answered: ("answered", "report", "C"),
    ev.Faulted: ("faulted", "report", "U"),
}
EVENT_NAMES = tuple(kind.__name__ for kind in ACTS)


@dataclass(frozen=True)
class Place:
    """Where an event is: block, chain time (s), place in the block, and transaction (32 bytes)."""

    block_number: int
    time: int
    log_index: int
    tx_hash: bytes


def audit_event(event: RoundEvent, place: Place, terms: Terms, naming: Naming) -> Resource:
    """The AuditEvent of one event; ``terms``: its round's."""
    code, type_, action = ACTS[type(event)]
    shown: Resource = {
        "resourceType": "AuditEvent",
        "id": id_of_event(place.block_number, place.log_index),
        "meta": {"versionId": "1", "lastUpdated": instant(place.time)},
        "type": lifecycle(type_),
        "subtype": [{"system": naming.code_system("round-act"), "code": code}],
        "action": action,
        "recorded": instant(place.time),
        # The contract emits an event only when the act has succeeded.
        "outcome": "0",
        "agent": _agents(event, terms.coordinator, naming),
        "source": {
            "observer": naming.contract(naming.ledger),
            "type": [terminology("security-source-type", "4")],
        },
        "entity": [
            _study(event, naming),
            _round(event, place, naming),
            *_made(event, terms, naming),
        ],
    }
    if isinstance(event, ev.Aborted):
        shown["outcomeDesc"] = f"aborted: {event.reason.name.lower().replace('_', ' ')}"
    return shown


def _agents(event: RoundEvent, coordinator: str, naming: Naming) -> list[dict[str, Any]]:
    def acting(address: str) -> dict[str, Any]:
        return {
            "type": concept(participation("AUT")),
            "who": naming.organization(address),
            "requestor": True,
        }

    def concerned(address: str) -> dict[str, Any]:
        return {"who": naming.organization(address), "requestor": False}

    match event:
        case ev.Opened() | ev.Closed():
            return [acting(coordinator)]
        case ev.Committed() | ev.DeliveryRecorded() | ev.Answered():
            return [acting(event.site)]
        case ev.Sealed():
            # Anyone may seal; the ledger finds the members.
            return [concerned(member) for member in event.members]
        case ev.Aborted(reason=AbortReason.COORDINATOR):
            return [acting(coordinator)]
        case ev.Readmitted():
            return [acting(event.reviewer), concerned(event.site)]
        case ev.Barred() | ev.Challenged() | ev.Faulted():
            return [concerned(event.site)]
        case _:
            return [{"who": naming.contract(naming.ledger), "requestor": False}]


def _study(event: RoundEvent, naming: Naming) -> dict[str, Any]:
    return {
        "what": naming.study(event.study_id),
        "type": resource_type("ResearchStudy"),
        "role": _role("4"),
    }


def _round(event: RoundEvent, place: Place, naming: Naming) -> dict[str, Any]:
    details = {"block": str(place.block_number), "transaction": _hex(place.tx_hash)}
    if isinstance(event, ev.Opened):
        details["pinned-block"] = str(event.pinned_block)
        details["terms-version"] = str(event.version)
    if isinstance(event, ev.Sealed):
        details |= {"seal-digest": _hex(event.seal_digest), "rho": str(event.rho)}
    return {
        "what": naming.round(event.study_id, event.round),
        "type": _object(),
        "role": _role("20"),
        "detail": _details(details),
    }


def _made(event: RoundEvent, terms: Terms, naming: Naming) -> list[dict[str, Any]]:
    """What the act used or made, beside the round itself."""
    match event:
        case ev.Opened():
            return [_entity(ipfs_object(cid_of_checkpoint(event.base, terms)))]
        case ev.Committed():
            return [
                {
                    "what": naming.commitment(
                        event.study_id, event.round, event.site, event.commitment.attempt
                    ),
                    "type": _object(),
                    "role": _role("3"),
                    "detail": _details(commitment_details(event.commitment)),
                }
            ]
        case ev.DeliveryRecorded():
            return [_entity(ipfs_object(cid_of_masked(event.masked_hash, terms)))]
        case ev.Closed():
            made = [cid_of_checkpoint(event.checkpoint_hash, terms)]
            made.append(cid_of_sha256(event.manifest_hash))
            made += [cid_of_masked(one, terms) for one in event.masked_hashes]
            return [_entity(ipfs_object(cid)) for cid in made]
        case _:
            return []


def commitment_details(commitment: Commitment) -> dict[str, str]:
    """What a commitment says of whom it admitted: how many, as of when."""
    return {
        "cohort-root": _hex(commitment.cohort_root),
        "cohort-size": str(commitment.cohort_size),
        "cohort-block": str(commitment.block_number),
        "epoch": str(commitment.epoch),
        "vector-hash": _hex(commitment.vector_hash),
    }


def _entity(what: dict[str, Any]) -> dict[str, Any]:
    return {"what": what, "type": _object(), "role": _role("3")}


def _details(members: dict[str, str]) -> list[dict[str, str]]:
    return [{"type": name, "valueString": value} for name, value in members.items()]


def _object() -> Coding:
    return terminology("audit-entity-type", "2")


def _role(code: str) -> Coding:
    # 3 report, 4 domain resource, 20 job.
    return terminology("object-role", code)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
