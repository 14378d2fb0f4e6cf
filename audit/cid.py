"""The one CID that an object has: version 1, one raw block, SHA-256. SHA-256 and CID name each
other.

Source: https://github.com/multiformats/cid; codes from the multicodec table (raw 0x55, sha2-256
0x12, 32 bytes); base32 is RFC 4648 in lower case without padding, multibase prefix "b".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache

from audit.errors import AuditError

MAX_OBJECT_BYTES = 1 << 20
"""An IPFS block of at most 1 MiB travels between any two nodes; a larger object would need chunks,
hence another CID.
"""

_PREFIX = bytes((0x01, 0x55, 0x12, 0x20))


def sha256(data: bytes) -> bytes:
    """The 32 bytes that name an object."""
    return hashlib.sha256(data).digest()


@lru_cache(maxsize=1 << 14)
def cid_of_sha256(digest: bytes) -> str:
    """The CID of the object whose SHA-256 is ``digest`` (32 bytes). Raises AuditError for another
    length.
    """
    if len(digest) != 32:
        raise AuditError(f"a SHA-256 digest has 32 bytes, not {len(digest)}")
    return "b" + base64.b32encode(_PREFIX + digest).decode("ascii").lower().rstrip("=")


def cid_of(data: bytes) -> str:
    """The CID of an object. Raises AuditError when it is larger than MAX_OBJECT_BYTES."""
    if len(data) > MAX_OBJECT_BYTES:
        raise AuditError(f"an object has at most {MAX_OBJECT_BYTES} bytes, this one {len(data)}")
    return cid_of_sha256(hashlib.sha256(data).digest())


@lru_cache(maxsize=1 << 14)
def sha256_of_cid(cid: str) -> bytes:
    """The SHA-256 (32 bytes) that a CID names. Raises AuditError for any CID that `cid_of` does not
    write.
    """
    try:
        decoded = base64.b32decode(cid[1:].upper().encode("ascii") + b"=" * (-len(cid[1:]) % 8))
    except (binascii.Error, UnicodeError) as error:
        raise AuditError(f"not a CID in base32: {cid!r}") from error
    digest = decoded[len(_PREFIX) :]
    if len(digest) != 32 or cid_of_sha256(digest) != cid:
        raise AuditError(f"not a CIDv1 of a raw block with SHA-256: {cid!r}")
    return digest
