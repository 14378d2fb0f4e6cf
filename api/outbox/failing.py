"""What is noted of an act that failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.outbox.problems import ActTooCostly
from api.outbox.tables import OutboxAct
from api.problems import refusal_code
from chain.errors import ChainError, ContractRefused


def failed(act: OutboxAct, error: ChainError | ActTooCostly, now: datetime) -> dict[str, Any]:
    """The change that reports it, with the contract's reason or ours."""
    match error:
        case ContractRefused():
            code, reason = refusal_code(type(error)), str(error)
        case ActTooCostly():
            code, reason = error.code, f"{error.summary}: {error.detail}"
        case _:
            code, reason = "transaction-failed", str(error)
    return {
        "sequence": act.sequence,
        "state": "failed",
        "reason_code": code,
        "reason": reason,
        "settled_at": now,
    }
