"""A block of the chain, in the one shape in which every answer and every feed tells it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from chain.blocks import Block

#: For examples of answers that hold a block.
BLOCK_EXAMPLE: JsonDict = {"number": 1204, "hash": "0x" + "5c" * 32, "timestamp": 1790000000}


class BlockShown(BaseModel):
    """A block: its number, its hash, and its chain time in seconds since 1970."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BLOCK_EXAMPLE]})

    number: int
    hash: str
    timestamp: int

    @classmethod
    def of(cls, block: Block) -> BlockShown:
        """A block of a node or of the index."""
        return cls(number=block.number, hash="0x" + block.hash.hex(), timestamp=block.timestamp)
