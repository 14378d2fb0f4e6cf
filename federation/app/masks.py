"""Pairwise masks: each pair of a sealed round's members adds and subtracts the same stream.

A mask key is for one attempt at one round. Masks depend on the seal digest, so none exists before
the set of members is fixed; over all members they cancel exactly modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from numpy.typing import NDArray

from audit.mask_keys import why_unusable
from federation.app.derive import address_bytes, derive_key, hash_bytes
from federation.app.stream import KeyStream

_LABEL = "assent/mask/1"


class MaskRefused(ValueError):
    """A mask was not made, because a key, a member or a vector does not allow it."""


@dataclass(frozen=True)
class MaskKeyPair:
    """One attempt's X25519 keys, 32 bytes each; the private one only ever in the journal."""

    private: bytes = field(repr=False)
    public: bytes


def mask_key_pair(private: bytes | None = None) -> MaskKeyPair:
    """The key pair of `private`, or a fresh one from the operating system's randomness.

    Fresh and random rather than derived: once destroyed, nothing at the site brings it back.
    """
    if private is None:
        key = X25519PrivateKey.generate()
    else:
        key = X25519PrivateKey.from_private_bytes(hash_bytes(private, "a private mask key"))
    return MaskKeyPair(key.private_bytes_raw(), key.public_key().public_bytes_raw())


def check_public_key(public: bytes, site: str) -> None:
    """Refuse a public key that is not the one encoding of a point of large order.

    Raises:
        MaskRefused: it names the site.
    """
    if why := why_unusable(public):
        raise MaskRefused(f"the mask key of {site} {why}")


def pairwise_mask(
    private: bytes,
    my_site: str,
    my_public: bytes,
    other_site: str,
    other_public: bytes,
    seal_digest: bytes,
    length: int,
) -> NDArray[np.uint64]:
    """The mask that two members share, uint64[length]; both compute the same.

    HKDF-SHA256 of the X25519 secret, with the seal digest and the pair's (site, key) in ascending
    order of site, keys the stream.

    Raises:
        MaskRefused: a key is malformed, of low order, shared by both, or not the private key's.
        ValueError: an address or the seal digest is malformed.
    """
    check_public_key(my_public, my_site)
    check_public_key(other_public, other_site)
    mine, other = address_bytes(my_site), address_bytes(other_site)
    if mine == other:
        raise MaskRefused(f"{my_site} cannot share a mask with itself")
    if my_public == other_public:
        raise MaskRefused(f"{my_site} and {other_site} have the same mask key")
    if mask_key_pair(private).public != my_public:
        raise MaskRefused(f"the sealed mask key of {my_site} is not the one this site holds")
    key = X25519PrivateKey.from_private_bytes(private)
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(other_public))
    except ValueError:  # all-zero secret; RFC 7748, section 6.1
        raise MaskRefused(f"the mask key of {other_site} gives no secret") from None
    lower, higher = sorted([(mine, my_public), (other, other_public)])
    digest = hash_bytes(seal_digest, "the seal digest")
    return KeyStream(derive_key(shared, _LABEL, digest, *lower, *higher)).uint64(length)


def mask(
    vector: NDArray[np.int64],
    private: bytes,
    my_site: str,
    seal_digest: bytes,
    members: Sequence[tuple[str, bytes]],
) -> NDArray[np.uint64]:
    """Mask a noised vector for a sealed round, modulo 2^64.

    The mask shared with each other member is added when this site's address is the lower of the
    two, and subtracted when it is the higher.

    Args:
        vector: int64[D].
        private: this attempt's private key, 32 bytes.
        members: (site, public key) of every sealed member in ascending order of address, with
            this site among them.

    Returns:
        uint64[D]; over all members these add up to the sum of the vectors modulo 2^64.

    Raises:
        MaskRefused: the vector or the members do not allow it.
    """
    if vector.dtype != np.int64 or vector.ndim != 1 or len(vector) == 0:
        raise MaskRefused("only a vector of int64 can be masked")
    sites = [address_bytes(site) for site, _ in members]
    if len(sites) < 2:
        raise MaskRefused("a vector without another member's mask would be sent in the clear")
    if any(later <= earlier for earlier, later in pairwise(sites)):
        raise MaskRefused("members are not in strictly ascending order of address")
    if len({public for _, public in members}) != len(members):
        raise MaskRefused("two members have the same mask key")
    mine = address_bytes(my_site)
    if mine not in sites:
        raise MaskRefused(f"{my_site} is not a member of the sealed round")
    my_public = members[sites.index(mine)][1]
    masked = vector.view(np.uint64).copy()
    for (other_site, other_public), other in zip(members, sites, strict=True):
        if other == mine:
            continue
        shared = pairwise_mask(
            private, my_site, my_public, other_site, other_public, seal_digest, len(vector)
        )
        masked = masked + shared if mine < other else masked - shared
    return masked
