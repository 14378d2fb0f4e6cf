"""What is noted of an act that failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.outbox.tables import OutboxAct
from api.problems import refusal_code
from chain.errors import ChainError, ContractRefused


def failed(act: OutboxAct, error: ChainError, now: datetime) -> dict[str, Any]:
    """The change that reports it, with the contract's reason."""
    code = refusal_code(type(error)) if isinstance(error, ContractRefused) else "transaction-failed"
    return {
        "sequence": act.sequence,
        "state": "failed",
        "reason_code": code,
        "reason": str(error),
        "settled_at": now,
    }
