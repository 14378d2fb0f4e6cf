"""Which site is to replay which round: drawn by a rule that everybody can follow, from the hash of
a block that was named before it existed.

Nobody who asks can prefer a site, and no site can know which of its rounds will be asked about.
Whoever makes that block has some say in its hash, so name one that the sites concerned do not make.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from audit.consent_state import StudyState

Contribution = tuple[int, str]
"""A sealed round's number and a member's EIP-55 address."""

_LABEL = b"assent/replay-draw/1"
_NUMBERS = 1 << 256


def sealed_contributions(state: StudyState, before_block: int) -> tuple[Contribution, ...]:
    """Every (round, site) of rounds sealed in blocks before `before_block`, in order of round and
    then of address. Closed or abandoned: what was sealed was paid for.
    """
    return in_order(
        (facts.number, member)
        for facts in state.history.rounds.values()
        if facts.sealed and facts.sealed_at and facts.sealed_at.block < before_block
        for member in facts.sealed.members
    )


def in_order(contributions: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """By round, then by the address's bytes."""
    return tuple(sorted(contributions, key=lambda one: (one[0], bytes.fromhex(one[1][2:]))))


def draw_replays(
    contributions: Iterable[Contribution],
    chain_id: int,
    ledger: str,
    study_id: int,
    block_number: int,
    block_hash: bytes,
    count: int = 1,
) -> tuple[Contribution, ...]:
    """`count` different contributions, or all when there are fewer, in the order drawn.

    Number i, from 0, is SHA-256("assent/replay-draw/1" || chain id 32 || ledger 20 || study 8 ||
    block number 8 || block hash 32 || i 8), big endian. Each is a draw among those that are left,
    in order: the remainder by how many they are, unless the number lies in the incomplete last
    stretch below 2^256, where it would favour the first (rejection); then the next number counts.

    Raises:
        ValueError: an argument does not fit its width.
    """
    if len(block_hash) != 32:
        raise ValueError(f"a block's hash has 32 bytes, not {len(block_hash)}")
    try:
        seed = b"".join(
            (
                _LABEL,
                chain_id.to_bytes(32, "big"),
                bytes.fromhex(ledger[2:]),
                study_id.to_bytes(8, "big"),
                block_number.to_bytes(8, "big"),
                block_hash,
            )
        )
    except OverflowError as error:
        raise ValueError(f"a field does not fit its width: {error}") from error
    left, i = list(in_order(contributions)), 0
    drawn: list[Contribution] = []
    while left and len(drawn) < count:
        digest = hashlib.sha256(seed + i.to_bytes(8, "big")).digest()
        place = place_among(int.from_bytes(digest, "big"), len(left))
        i += 1
        if place is not None:
            drawn.append(left.pop(place))
    return tuple(drawn)


def place_among(number: int, size: int) -> int | None:
    """A uniform place below `size` from a uniform number below 2^256; None when it is rejected."""
    return number % size if number < _NUMBERS - _NUMBERS % size else None
