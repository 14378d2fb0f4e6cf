"""The cohort tree: which tokens one site admitted to one round, with one short proof for a token in
or out of it.

Leaves are in order of the token's index, one for every token ever minted for the (study, site) by
the commitment's block, so the leaf at a token's index says admitted or why not. Nodes follow RFC
6962 section 2.1 (the left subtree is the largest power of two below the count) and are not sorted.
The root also binds the count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache

from eth_utils.address import is_checksum_address

from audit.errors import CohortInvalid

SALT_BYTES = 32

#: The checksum is a hash, and all leaves of a tree name the same ledger and site.
_is_checksummed = lru_cache(maxsize=1024)(is_checksum_address)


class Status(IntEnum):
    """Why a token's record was, or was not, in a cohort; judged at the commitment's block and the
    close deadline.
    """

    ADMITTED = 1
    REVOKED = 2
    EXPIRED = 3
    NOT_YET_BEGUN = 4
    OTHER_PURPOSE = 5
    OLD_VERSION = 6
    BARRED = 7


def leaf(
    chain_id: int,
    ledger: str,
    study_id: int,
    site: str,
    round_number: int,
    index: int,
    token_id: int,
    status: Status,
    salt: bytes,
) -> bytes:
    """SHA-256(0x00 || chain id 32 || ledger 20 || study 8 || site 20 || round 4 || index 4 || token
    32 || status 1 || salt 32), widths in bytes, integers big endian. Addresses are EIP-55 strings.
    Raises CohortInvalid.
    """
    for name, address in (("ledger", ledger), ("site", site)):
        if not _is_checksummed(address):
            raise CohortInvalid(f"{name} {address!r} is not an address with its EIP-55 checksum")
    if len(salt) != SALT_BYTES:
        raise CohortInvalid(f"a leaf's salt has {SALT_BYTES} bytes, not {len(salt)}")
    try:
        parts = (
            b"\x00",
            chain_id.to_bytes(32, "big"),
            bytes.fromhex(ledger[2:]),
            study_id.to_bytes(8, "big"),
            bytes.fromhex(site[2:]),
            round_number.to_bytes(4, "big"),
            index.to_bytes(4, "big"),
            token_id.to_bytes(32, "big"),
            bytes((Status(status),)),
            salt,
        )
    except (OverflowError, ValueError) as error:
        raise CohortInvalid(f"a leaf's field does not fit its width: {error}") from error
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Commitment.cohort_root: SHA-256(0x02 || count 4 || RFC 6962 head of the leaves)."""
    return _with_count(len(leaves), _head(leaves))


def proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The sibling nodes from a leaf up to the head (RFC 6962 audit path). Raises CohortInvalid."""
    if not 0 <= index < len(leaves):
        raise CohortInvalid(f"there is no leaf {index} among {len(leaves)}")
    path: list[bytes] = []
    first, last = 0, len(leaves)
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(_head(leaves[middle:last]))
            last = middle
        else:
            path.append(_head(leaves[first:middle]))
            first = middle
    return tuple(reversed(path))


def verify_proof(root_: bytes, count: int, index: int, leaf_: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``leaf_`` is the one at ``index`` of the tree with this root and count."""
    if not 0 <= index < count < 2**32 or any(len(node) != 32 for node in (root_, leaf_, *path)):
        return False
    sides: list[bool] = []  # from the head down: whether the leaf is in the right subtree
    first, last = 0, count
    while last - first > 1:
        middle = first + _split(last - first)
        sides.append(index >= middle)
        first, last = (middle, last) if index >= middle else (first, middle)
    if len(sides) != len(path):
        return False
    node = leaf_
    for right, sibling in zip(reversed(sides), path, strict=True):
        node = _node(sibling, node) if right else _node(node, sibling)
    return _with_count(count, node) == root_


def vector_hash(salt: bytes, vector_bytes: bytes) -> bytes:
    """Commitment.vector_hash: SHA-256("assent/vector/1" || salt 32 || the noised vector by
    `codec.to_bytes`).
    """
    if len(salt) != SALT_BYTES:
        raise CohortInvalid(f"a vector's salt has {SALT_BYTES} bytes, not {len(salt)}")
    return hashlib.sha256(b"assent/vector/1" + salt + vector_bytes).digest()


def _head(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return _node(_head(leaves[:middle]), _head(leaves[middle:]))


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _with_count(count: int, head: bytes) -> bytes:
    # RFC 6962 keeps the count beside the head in a signed tree head: without it one path can fit
    # two counts.
    return hashlib.sha256(b"\x02" + count.to_bytes(4, "big") + head).digest()
