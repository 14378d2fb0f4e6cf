"""Objects over 1 MiB as IPFS keeps files: raw blocks of 1 MiB, and a root that links to them.

The root is what `ipfs add --cid-version=1 --raw-leaves --chunker=size-1048576` makes (Kubo): one
UnixFS node of the type File in DAG-PB with the balanced layout's at most 174 links. An object has
at most 32 of them here, so there is never a node between, and whatever else IPFS knows as a file is
refused.
Sources: https://ipld.io/specs/codecs/dag-pb/spec/ (links stand before the data, a link's name is
written though empty) and https://specs.ipfs.tech/unixfs/ (Data: Type 1, filesize 3, blocksizes 4).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from audit.errors import AuditError

Buffer = bytes | bytearray | memoryview

BLOCK_BYTES = 1 << 20
"""An IPFS block of at most 1 MiB travels between any two nodes."""
MAX_BLOCKS = 32
MAX_OBJECT_BYTES = MAX_BLOCKS * BLOCK_BYTES
"""A checkpoint of a million numbers has 24 MB, and a reader has it in memory whole."""
RAW_PREFIX = bytes((0x01, 0x55, 0x12, 0x20))
"""Before the digest of a raw block: CIDv1, codec raw, sha2-256, 32 bytes."""
MAX_ROOT_BYTES = 4096
"""A root of 32 links has less than 1,800."""

_FILE = b"\x08\x02"


class Leaf(NamedTuple):
    """A raw block of a large object: its SHA-256 and how many bytes it has."""

    sha256: bytes
    size: int


def is_large(size: int) -> bool:
    """Whether an object of so many bytes has blocks of its own. Raises AuditError above the
    limit.
    """
    if size > MAX_OBJECT_BYTES:
        raise AuditError(f"an object has at most {MAX_OBJECT_BYTES} bytes, this one {size}")
    return size > BLOCK_BYTES


def blocks_of(data: Buffer) -> Iterator[memoryview]:
    """A large object's bytes block by block; no copies."""
    view = memoryview(data)
    return (view[start : start + BLOCK_BYTES] for start in range(0, len(view), BLOCK_BYTES))


def root_of(data: Buffer) -> bytes:
    """The root of a large object: the block whose SHA-256 and CID name it."""
    blocks = list(blocks_of(data))
    # hashlib lets other threads run; none is left when this returns, since processes fork
    with ThreadPoolExecutor(max_workers=min(len(blocks), os.cpu_count() or 1)) as hashers:
        digests = list(hashers.map(_sha256, blocks))
    return root_of_leaves(map(Leaf, digests, map(len, blocks)))


def _sha256(block: memoryview) -> bytes:
    return hashlib.sha256(block).digest()


def root_of_leaves(leaves: Iterable[Leaf]) -> bytes:
    """The root over blocks, in their order."""
    links, sizes, total = [], [], 0
    for digest, size in leaves:
        link = b"\x0a\x24" + RAW_PREFIX + digest + b"\x12\x00\x18" + varint(size)
        links.append(b"\x12" + varint(len(link)) + link)
        sizes.append(b"\x20" + varint(size))
        total += size
    file = _FILE + b"\x18" + varint(total) + b"".join(sizes)
    return b"".join((*links, b"\x0a", varint(len(file)), file))


def leaves_of(block: bytes) -> tuple[Leaf, ...] | None:
    """The blocks that a root links to; None for any block that `root_of` makes of no object.

    So a block is either an object's bytes or the root of one, and its SHA-256 names one of the two.
    """
    if len(block) > MAX_ROOT_BYTES or block[:1] != b"\x12":
        return None
    leaves: list[Leaf] = []
    position = 0
    while block[position : position + 1] == b"\x12" and len(leaves) < MAX_BLOCKS:
        start = position + 4 + len(RAW_PREFIX)
        digest = block[start : start + 32]
        size, end = _read_varint(block, start + 35)
        leaves.append(Leaf(digest, size))
        position = end
    whole = [leaf.size for leaf in leaves]
    shaped = len(leaves) > 1 and set(whole[:-1]) == {BLOCK_BYTES} and 0 < whole[-1] <= BLOCK_BYTES
    return tuple(leaves) if shaped and root_of_leaves(leaves) == block else None


def varint(number: int) -> bytes:
    """Unsigned LEB128 in as few bytes as it takes.

    Source: https://github.com/multiformats/unsigned-varint
    """
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(block: bytes, position: int) -> tuple[int, int]:
    """A number of at most four bytes, and where it ends."""
    number = 0
    for nth, byte in enumerate(block[position : position + 4]):
        number |= (byte & 0x7F) << (7 * nth)
        if byte < 0x80:
            return number, position + nth + 1
    return 0, position + 4
