"""A site's one reply to a round: its masked vector and signature, or a fixed code.

Flower forwards the text of exceptions, so none may leave a site: no metric, count or message
does, only one of these codes.
"""

from __future__ import annotations

import re
from enum import StrEnum

from flwr.app import ConfigRecord, RecordDict

_RECORD = "assent"
_ADDRESS = re.compile(r"0x[0-9A-Fa-f]{40}")


class WithheldCode(StrEnum):
    """Why a site sent no vector. Fixed words that say nothing about any record."""

    NOT_OPEN = "NOT_OPEN"
    NOT_IN_STUDY = "NOT_IN_STUDY"
    BARRED = "BARRED"
    COHORT_TOO_SMALL = "COHORT_TOO_SMALL"
    NOT_SEALED_IN = "NOT_SEALED_IN"
    CONSENT_CHANGED = "CONSENT_CHANGED"
    BUDGET_REFUSED = "BUDGET_REFUSED"
    SEAL_CONTRADICTS = "SEAL_CONTRADICTS"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    ROUND_ABORTED = "ROUND_ABORTED"
    STUDY_NOT_USABLE = "STUDY_NOT_USABLE"
    UNAVAILABLE = "UNAVAILABLE"
    FAILED = "FAILED"


def order(study_id: int, round_number: int) -> RecordDict:
    """The coordinator's message: which round, and nothing that a site would have to believe."""
    return RecordDict({_RECORD: ConfigRecord({"study": study_id, "round": round_number})})


def read_order(content: RecordDict) -> tuple[int, int]:
    """Study and round of an order.

    Raises:
        ValueError: the message holds no order.
    """
    record = content.get(_RECORD)
    if not isinstance(record, ConfigRecord):
        raise ValueError("the message holds no order")
    study, number = record.get("study"), record.get("round")
    if not isinstance(study, int) or not isinstance(number, int):
        raise ValueError("the message's order names no study and round")
    return study, number


def delivered(masked: bytes, signature: bytes) -> RecordDict:
    """The reply of a site that delivers."""
    return RecordDict({_RECORD: ConfigRecord({"masked": masked, "signature": signature})})


def withheld(site: str, code: WithheldCode) -> RecordDict:
    """The reply of a site that does not deliver."""
    return RecordDict({_RECORD: ConfigRecord({"site": site, "code": code.value})})


def read_delivery(content: RecordDict) -> tuple[bytes, bytes] | None:
    """Masked vector and signature, or None when the reply holds none."""
    record = content.get(_RECORD)
    if not isinstance(record, ConfigRecord):
        return None
    masked, signature = record.get("masked"), record.get("signature")
    if isinstance(masked, bytes) and isinstance(signature, bytes):
        return masked, signature
    return None


def read_withheld(content: RecordDict) -> tuple[str, WithheldCode]:
    """The site that a reply without a delivery names, "" for none, and its code; anything
    unreadable is FAILED. Neither is signed.
    """
    record = content.get(_RECORD)
    if isinstance(record, ConfigRecord):
        site, code = record.get("site"), record.get("code")
        if isinstance(site, str) and isinstance(code, str) and code in set(WithheldCode):
            return site if _ADDRESS.fullmatch(site) else "", WithheldCode(code)
    return "", WithheldCode.FAILED
