"""What changes of the chain are called in feeds: the stream and webhooks use the same names."""

from __future__ import annotations

from typing import Any, Final

from api.index.events import Change

_SUBJECTS: Final[dict[str, str]] = {
    "SiteRegistered": "site.registered",
    "EnrolmentKeyRotated": "site.enrolment-key-rotated",
    "SuccessorRecorded": "registry.successor-recorded",
    "StudyProposed": "study.proposed",
    "VersionProposed": "study.version-proposed",
    "Approved": "study.approved",
    "VersionActivated": "study.version-activated",
    "ApprovalExtended": "study.approval-extended",
    "ReviewerReplaced": "study.reviewer-replaced",
    "Suspended": "study.suspended",
    "Resumed": "study.resumed",
    "Granted": "consent.granted",
    "Revoked": "consent.revoked",
    "Opened": "round.opened",
    "Committed": "round.committed",
    "Sealed": "round.sealed",
    "DeliveryRecorded": "round.delivery-recorded",
    "Closed": "round.closed",
    "Aborted": "round.aborted",
    "Barred": "round.site-barred",
    "Readmitted": "round.site-readmitted",
    "Challenged": "round.challenged",
    "Answered": "round.answered",
    "Faulted": "round.faulted",
    "RolledBack": "study.rolled-back",
}

#: Every kind that can be asked for. What a reorganisation undid has the same kind with `.undone`.
KINDS: Final = tuple(_SUBJECTS.values())
#: The first part of each: all kinds that begin with it.
GROUPS: Final = tuple(dict.fromkeys(kind.split(".")[0] for kind in KINDS))

_NAMES: Final = {kind: name for name, kind in _SUBJECTS.items()}


def names_of(asked: list[str]) -> list[str]:
    """Names of events for kinds or groups; nothing asked means all, as an empty list.

    Raises ValueError that names what is neither.
    """
    found: list[str] = []
    for one in asked:
        chosen = [kind for kind in KINDS if one == kind or one == kind.split(".")[0]]
        if not chosen:
            raise ValueError(f"{one!r} is no kind; there are {', '.join(GROUPS + KINDS)}")
        found += [_NAMES[kind] for kind in chosen]
    return sorted(set(found))


def kind_of(change: Change) -> str:
    """E.g. `consent.granted`, or `consent.granted.undone`."""
    kind = _SUBJECTS[change.name]
    return kind if change.undone is None else f"{kind}.undone"


def told(change: Change) -> dict[str, Any]:
    """A change as feeds tell it. `block` as `api.blocks.BlockShown`; hashes are 0x hex."""
    return {
        "sequence": change.sequence,
        "undone": change.undone,
        "kind": kind_of(change),
        "study_id": change.study_id,
        "block": {
            "number": change.block_number,
            "hash": "0x" + change.block_hash.hex(),
            "timestamp": change.block_timestamp,
        },
        "tx_hash": "0x" + change.tx_hash.hex(),
        "log_index": change.log_index,
        "values": change.values,
    }
