"""At which block an answer holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.blocks import BlockShown
from api.dependencies import Database
from api.index import repository
from api.problems import ServiceProblem


class NothingIndexed(ServiceProblem):
    code = "nothing-indexed"
    status_code_ = 503
    summary = "The service has not read the chain yet"
    why = "Its worker has just begun, or does not run."
    fix = "Try again after `Retry-After`; the operator finds the reason in the worker's log."


def _newest(database: Database) -> BlockShown:
    block = repository.newest_block(database)
    if block is None:
        raise NothingIndexed(headers={"Retry-After": "5"})
    return BlockShown.of(block)


#: The newest indexed block, read in the same transaction as what it dates.
NewestOf = Annotated[BlockShown, Depends(_newest)]
