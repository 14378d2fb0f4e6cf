"""The audit log as it is told."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from api.blocks import BLOCK_EXAMPLE, BlockShown

_ENTRY: dict[str, Any] = {
    "sequence": 41,
    "kind": "Suspended",
    "contract": "StudyRegistry",
    "block": BLOCK_EXAMPLE,
    "tx_hash": "0x" + "9e" * 32,
    "log_index": 0,
    "values": {"reviewer": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", "suspensions": 1},
    "words": "Reviewer 0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65 suspended the study: no round"
    " goes on and no consent counts.",
}


class LogEntry(BaseModel):
    """One event: where it stands on the chain, what it holds, and a sentence in plain words.

    `tx_hash` and `block` let anybody look it up on a node of their own. `values` are the
    event's members by name: bytes as 0x hex, integers that may pass 2^53 as decimal text.
    """

    model_config = ConfigDict(json_schema_extra={"example": _ENTRY})

    sequence: int
    kind: str
    contract: str
    block: BlockShown
    tx_hash: str
    log_index: int
    values: dict[str, Any]
    words: str


class AuditLog(BaseModel):
    """A page of the log, oldest first, as of an indexed block.

    A page may hold fewer items than asked for, even none, and still have a `next`: so much was
    looked through. `next` is null at the end.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "as_of": {"number": 1210, "hash": "0x" + "5c" * 32, "timestamp": 1790000100},
                "items": [_ENTRY],
                "next": None,
            }
        }
    )

    study_id: int
    as_of: BlockShown
    items: list[LogEntry]
    next: str | None = None
