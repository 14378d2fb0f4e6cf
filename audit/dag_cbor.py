"""The little DAG-CBOR that a CAR file of objects needs: its header, and lists of links.

Sources: https://ipld.io/specs/codecs/dag-cbor/spec/ (RFC 8949 with definite lengths and shortest
forms; a link is tag 42 around a byte string of 0x00 and the CID) and the CARv1 specification.
CIDs here are bytes: version 1, codec, sha2-256, 32 bytes of digest.
"""

from __future__ import annotations

from collections.abc import Sequence

LINK_PREFIX = bytes((0x01, 0x71, 0x12, 0x20))
"""Before the digest of a DAG-CBOR block."""

CID_BYTES = 36
_LINK_BYTES = 5 + CID_BYTES


def link_list(cids: Sequence[bytes]) -> bytes:
    """An array of links; at most 65,535."""
    return _head(0x80, len(cids)) + b"".join(_link(cid) for cid in cids)


def links_in(block: bytes) -> list[bytes] | None:
    """The links of a `link_list`; None for any other block."""
    start = {0x98: 2, 0x99: 3}.get(block[0], 1) if block else 1
    ends = range(start + _LINK_BYTES, len(block) + 1, _LINK_BYTES)
    cids = [block[end - CID_BYTES : end] for end in ends]
    return cids if link_list(cids) == block else None


def header(root: bytes) -> bytes:
    """A CAR's header with one root, behind its length (below 128, so one byte)."""
    fields = b"\x65roots" + link_list([root]) + b"\x67version\x01"
    return bytes((1 + len(fields),)) + b"\xa2" + fields


def _link(cid: bytes) -> bytes:
    return b"\xd8\x2a" + _head(0x40, 1 + len(cid)) + b"\x00" + cid


def _head(kind: int, length: int) -> bytes:
    if length < 24:
        return bytes((kind | length,))
    if length < 0x100:
        return bytes((kind | 24, length))
    return bytes((kind | 25,)) + length.to_bytes(2, "big")
