"""The one CID that an object has: version 1, SHA-256. What is hashed is the object itself, one raw
block, up to 1 MiB, and the root of its blocks above (`audit.unixfs`).

So 32 bytes name an object: on chain, in signatures, as its CID. The same 32 bytes never name two:
a block that is the root of a large object is never an object itself.

Source: https://github.com/multiformats/cid; codes from the multicodec table (raw 0x55, dag-pb 0x70,
sha2-256 0x12, 32 bytes); base32 is RFC 4648 in lower case without padding, multibase prefix "b".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Container
from functools import lru_cache

from audit.errors import AuditError
from audit.unixfs import (
    MAX_OBJECT_BYTES,
    MAX_ROOT_BYTES,
    RAW_PREFIX,
    Buffer,
    is_large,
    leaves_of,
    root_of,
)

__all__ = [
    "FILE_PREFIX",
    "MAX_OBJECT_BYTES",
    "RAW_PREFIX",
    "cid_among",
    "cid_bytes",
    "cid_of",
    "cid_of_large",
    "cid_of_sha256",
    "cid_of_sized",
    "cid_text",
    "digest_of",
    "is_cid_of_large",
    "sha256",
    "sha256_of_cid",
]

FILE_PREFIX = bytes((0x01, 0x70, 0x12, 0x20))
"""Before the digest of a large object's root, which is DAG-PB."""


def sha256(data: Buffer) -> bytes:
    """SHA-256 of the bytes, as of a document or a file. An object is named by `digest_of`."""
    return hashlib.sha256(data).digest()


def digest_of(data: Buffer) -> bytes:
    """The 32 bytes that name an object: its SHA-256, or its root's above 1 MiB.

    Raises AuditError when it is larger than MAX_OBJECT_BYTES, or itself the root of a large object.
    """
    if is_large(len(data)):
        return sha256(root_of(data))
    if len(data) <= MAX_ROOT_BYTES and leaves_of(bytes(data)) is not None:
        raise AuditError("the bytes are the root of a large object, whose name they would have")
    return sha256(data)


@lru_cache(maxsize=1 << 12)
def cid_of_sha256(digest: bytes) -> str:
    """The CID of an object of at most 1 MiB (raw), by the 32 bytes that name it.

    An IPFS node asked for it gives the block that has this SHA-256, so the root of a large object,
    too (`ipfs.objects`). Raises AuditError for another length.
    """
    return _text(RAW_PREFIX, digest)


@lru_cache(maxsize=1 << 12)
def cid_of_large(digest: bytes) -> str:
    """The CID of an object over 1 MiB (DAG-PB), by the 32 bytes that name it."""
    return _text(FILE_PREFIX, digest)


def is_cid_of_large(cid: str) -> bool:
    """Whether a CID is one of `cid_of_large`."""
    return cid.startswith("bafybei")


def cid_of(data: Buffer) -> str:
    """The CID of an object. Raises AuditError as `digest_of`."""
    return cid_of_sized(digest_of(data), len(data))


def cid_of_sized(digest: bytes, size: int) -> str:
    """The CID of an object of so many bytes, by the 32 bytes that name it. Raises AuditError."""
    return cid_of_large(digest) if is_large(size) else cid_of_sha256(digest)


def cid_among(digest: bytes, cids: Container[str]) -> str:
    """The CID, of those there are, of the object that 32 bytes name: that of a large one where
    there is none of a raw block, and that of a raw block where there is neither.
    """
    cid = cid_of_sha256(digest)
    if cid not in cids and (large := cid_of_large(digest)) in cids:
        return large
    return cid


def sha256_of_cid(cid: str) -> bytes:
    """The 32 bytes that name an object with this CID. Raises AuditError for any CID that `cid_of`
    does not write.
    """
    return cid_bytes(cid)[len(RAW_PREFIX) :]


@lru_cache(maxsize=1 << 12)
def cid_bytes(cid: str) -> bytes:
    """An object's CID as 36 bytes. Raises AuditError as `sha256_of_cid`."""
    try:
        decoded = base64.b32decode(cid[1:].upper().encode("ascii") + b"=" * (-len(cid[1:]) % 8))
    except (binascii.Error, UnicodeError) as error:
        raise AuditError(f"not a CID in base32: {cid!r}") from error
    prefix, digest = decoded[: len(RAW_PREFIX)], decoded[len(RAW_PREFIX) :]
    if len(digest) != 32 or prefix not in (RAW_PREFIX, FILE_PREFIX) or _text(prefix, digest) != cid:
        raise AuditError(f"not a CIDv1 of an object with SHA-256: {cid!r}")
    return decoded


def _text(prefix: bytes, digest: bytes) -> str:
    if len(digest) != 32:
        raise AuditError(f"a SHA-256 digest has 32 bytes, not {len(digest)}")
    return cid_text(prefix + digest)


def cid_text(cid: bytes) -> str:
    """36 bytes of a CID as text: base32 in lower case, multibase prefix "b"."""
    return "b" + base64.b32encode(cid).decode("ascii").lower().rstrip("=")
