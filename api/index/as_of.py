"""At which block an answer holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict

from api.dependencies import Database
from api.index import repository
from api.problems import ServiceProblem
from chain.blocks import Block


class AsOf(BaseModel):
    """The block whose state an answer tells: number, hash and chain time (s)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"block": 1204, "hash": "0x" + "5c" * 32, "timestamp": 1790000000}
        }
    )

    block: int
    hash: str
    timestamp: int

    @classmethod
    def of(cls, block: Block) -> AsOf:
        return cls(block=block.number, hash="0x" + block.hash.hex(), timestamp=block.timestamp)


class NothingIndexed(ServiceProblem):
    code = "nothing-indexed"
    status_code_ = 503
    summary = "The service has not read the chain yet"
    why = "Its worker has just begun, or does not run."
    fix = "Try again after `Retry-After`; the operator finds the reason in the worker's log."


def _newest(database: Database) -> AsOf:
    block = repository.newest_block(database)
    if block is None:
        raise NothingIndexed(headers={"Retry-After": "5"})
    return AsOf.of(block)


#: The newest indexed block, read in the same transaction as what it dates.
NewestOf = Annotated[AsOf, Depends(_newest)]
