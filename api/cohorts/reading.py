"""A page of a site's active cohort: the same few calls however many tokens there are.

The contract decides, in one `eth_call` at one block; nothing is taken from the service's tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.cohorts.problems import BlockGone
from api.http.paging import CursorInvalid
from api.problems import NotFound
from chain.blocks import Block
from chain.chain import Chain
from chain.errors import ChainBehind

_UINT64 = 1 << 64
_UINT40 = 1 << 40
_UINT32 = 1 << 32


@dataclass(frozen=True)
class Question:
    """What the contract is asked, at which block, from which index on."""

    block: Block
    purposes: int
    active_at: int
    from_index: int

    def cursor(self, following: int) -> tuple[int, str, str, int, int]:
        """What the next page needs to ask the same at the same block."""
        block = self.block
        return block.number, block.hash.hex(), str(self.purposes), self.active_at, following


def first_question(
    chain: Chain, study_id: int, site: str, block_number: int | None, active_at: int | None
) -> Question:
    """The question of a first page: the purposes of the version in force at the block.

    Raises:
        NotFound: no such block, no such study at it, or the site is none of its sites.
    """
    try:
        block = chain.head() if block_number is None else chain.block(block_number)
    except ChainBehind:
        raise NotFound(f"the chain has no block {block_number}") from None
    if block.number < chain.deployment.block_number:
        raise NotFound(f"the contracts are younger than block {block.number}")
    study = chain.registry.study(study_id, block=block.number)
    version = study.current_version or study.proposed_version
    if (
        version == 0
        or site not in (terms := chain.registry.terms(study_id, version, block=block.number)).sites
    ):
        raise NotFound(f"{site} is no site of study {study_id} at block {block.number}")
    at = block.timestamp if active_at is None else active_at
    return Question(block, terms.purposes, at, 0)


def next_question(chain: Chain, key: tuple[int, str, str, int, int]) -> Question:
    """The question that a cursor stands for.

    Raises:
        CursorInvalid; BlockGone: the block was replaced since.
    """
    number, block_hash, purposes, active_at, from_index = key
    numbers = purposes.isdecimal() and purposes.isascii() and len(purposes) <= 20
    within = number >= 0 and 0 <= active_at < _UINT40 and 0 <= from_index < _UINT32
    if not numbers or not within or int(purposes) >= _UINT64:
        raise CursorInvalid
    try:
        block = chain.block(number)
    except ChainBehind:
        raise BlockGone from None
    if block.hash.hex() != block_hash:
        raise BlockGone
    return Question(block, int(purposes), active_at, from_index)


def active_page(
    chain: Chain, study_id: int, site: str, question: Question, limit: int
) -> tuple[list[int], int]:
    """Active indices among the next `limit` indices, and where to go on; 0 at the end."""
    return chain.consent.active_tokens(
        study_id,
        site,
        question.purposes,
        question.active_at,
        question.from_index,
        limit,
        block=question.block.number,
    )
