"""Which CID an object of a study has, told by its terms alone: nobody need ask IPFS.

Only checkpoints and masked vectors can be over 1 MiB, and how many numbers they hold is in the
terms. Documents are one block each, and so are manifests: they have about 1 kB a member.
"""

from __future__ import annotations

from audit.checkpoint import is_large_with
from audit.cid import cid_of_large, cid_of_sha256
from audit.unixfs import BLOCK_BYTES
from chain.messages import Terms


def cid_of_checkpoint(digest: bytes, terms: Terms) -> str:
    """Of a checkpoint under these terms, by the 32 bytes that name it."""
    return (cid_of_large if is_large_with(terms.vector_length) else cid_of_sha256)(digest)


def cid_of_masked(digest: bytes, terms: Terms) -> str:
    """Of a masked vector under these terms, by the 32 bytes that name it: D words of 8 bytes."""
    # anybody may propose terms of more words than an object holds: they are named all the same
    is_large = 8 * terms.vector_length > BLOCK_BYTES
    return (cid_of_large if is_large else cid_of_sha256)(digest)
