"""Objects on IPFS, each by the SHA-256 of one block: itself up to 1 MiB, above the root of its
blocks (`audit.unixfs`), so that the 32 bytes on chain and the CID say the same.

Whatever comes from IPFS is believed only after it has been hashed; whatever goes there is pinned
and read back before anything on chain names it.
"""

from __future__ import annotations

import io
import warnings
from types import TracebackType
from typing import Any, Self

import ipfshttpclient
import ipfshttpclient.exceptions
import requests

from audit.cid import cid_of, cid_of_large, cid_of_sha256, is_cid_of_large, sha256, sha256_of_cid
from audit.errors import AuditError
from audit.unixfs import (
    BLOCK_BYTES,
    MAX_ROOT_BYTES,
    is_large,
    leaves_of,
)

# Of an argument that ipfshttpclient hands to urllib3; nothing that a user could act on.
warnings.filterwarnings("ignore", "The 'strict' parameter", FutureWarning)

# What comes of a node that is away, breaks off in the middle of an answer, or answers what is none
# of IPFS: the library lets some of it through as it comes from HTTP and from its own parsing.
_AWAY = (
    ipfshttpclient.exceptions.Error,
    requests.RequestException,
    ValueError,
    TypeError,
    LookupError,
)

_ON_THIS_MACHINE = ("/ip4/127.", "/ip6/::1/")


class ObjectStoreError(Exception):
    """An object could not be stored, found or believed. The message names it."""


class ObjectStoreUnreachable(ObjectStoreError):
    """The IPFS node does not answer, or not as one."""


class ObjectMissing(ObjectStoreError):
    """The IPFS node does not hold the object."""


class ObjectCorrupt(ObjectStoreError):
    """The IPFS node returned bytes that do not hash to the object's CID."""


class ObjectStore:
    """One IPFS node's block interface.

    Args:
        api: multiaddress of the node's API, such as ``/ip4/127.0.0.1/tcp/5001``.
        timeout_seconds: how long one request may take.
    """

    def __init__(self, api: str, *, timeout_seconds: float = 10.0) -> None:
        self._api = api
        # connect() refuses daemons newer than the library; Client() does not.
        self._client: Any = ipfshttpclient.Client(api, session=True, timeout=timeout_seconds)
        if api.startswith(_ON_THIS_MACHINE):
            # No proxy leads there, and looking for one takes as long as fetching a block.
            self._client._client._session.trust_env = False

    def put(self, data: bytes) -> str:
        """Stores, pins and reads back one object.

        Returns:
            Its CID (version 1, codec raw or above 1 MiB dag-pb, sha2-256, base32).

        Raises:
            ObjectStoreUnreachable, ObjectCorrupt, ObjectStoreError.
        """
        try:
            cid = cid_of(data)
        except AuditError as error:
            raise ObjectStoreError(f"this cannot be stored: {error}") from error
        try:
            stored = self._add(data) if is_large(len(data)) else self._put_block(data)
        except _AWAY as error:
            raise self._unreachable(cid, error) from error
        if stored != cid:
            raise ObjectCorrupt(f"IPFS stored object {cid} under another name, {stored}")
        if self.get(cid) != data:
            raise ObjectCorrupt(f"IPFS returned other bytes for {cid} right after storing it")
        return cid

    def _put_block(self, data: bytes) -> str:
        options = {"cid-codec": "raw", "mhtype": "sha2-256", "pin": "true"}
        return str(self._client.block.put(io.BytesIO(data), opts=options)["Key"])

    def _add(self, data: bytes) -> str:
        # a file object, since the library takes bytes for a file's path
        added = self._client.add(
            io.BytesIO(data),
            cid_version=1,
            raw_leaves=True,
            chunker=f"size-{BLOCK_BYTES}",
            pin=True,
            opts={"hash": "sha2-256"},
        )
        return str(added["Hash"])

    def get(self, cid: str) -> bytes:
        """Fetches one object and checks that it hashes to its CID.

        The CID of a raw block fetches a large object, too, when its root has that SHA-256: so the
        32 bytes on chain suffice (`audit.cid.cid_of_sha256`).

        Raises:
            ObjectStoreUnreachable, ObjectMissing, ObjectCorrupt.
        """
        block = self._get_block(cid)
        leaves = leaves_of(block)
        if leaves is None:
            if is_cid_of_large(cid):
                raise ObjectCorrupt(f"{cid} is no file as objects are kept here: its root differs")
            if len(block) > BLOCK_BYTES:
                raise ObjectCorrupt(f"{cid} is a block of {len(block)} bytes: no object is one")
            return block
        blocks = [self._get_block(cid_of_sha256(leaf.sha256)) for leaf in leaves]
        if [len(block) for block in blocks] != [leaf.size for leaf in leaves]:
            raise ObjectCorrupt(f"the blocks of {cid} have other sizes than its root says")
        return b"".join(blocks)

    def cid_of(self, digest: bytes) -> str:
        """The CID of an object that the node holds, by the 32 bytes that name it; that of a raw
        block when the node does not hold it.

        Raises:
            ObjectStoreUnreachable, ObjectCorrupt.
        """
        cid = cid_of_sha256(digest)
        size = self._size(cid)
        if size is None or size > MAX_ROOT_BYTES or leaves_of(self._get_block(cid)) is None:
            return cid
        return cid_of_large(digest)

    def _get_block(self, cid: str) -> bytes:
        try:
            digest = sha256_of_cid(cid)
        except AuditError as error:
            raise ObjectMissing(f"no object has the name {cid!r}") from error
        try:
            data: bytes = self._client.block.get(cid, opts={"offline": "true"})
        except ipfshttpclient.exceptions.ErrorResponse as error:
            raise ObjectMissing(f"IPFS node {self._api} does not hold object {cid}") from error
        except _AWAY as error:
            raise self._unreachable(cid, error) from error
        if sha256(data) != digest:
            raise ObjectCorrupt(f"IPFS node {self._api} returned bytes that are not object {cid}")
        return data

    def holds(self, cid: str) -> bool:
        """Whether the node itself has the object, every block of it; the bytes are not looked at.

        Raises:
            ObjectStoreUnreachable, ObjectCorrupt.
        """
        size = self._size(cid)
        if size is None or size > MAX_ROOT_BYTES:
            return size is not None
        leaves = leaves_of(self._get_block(cid)) or ()
        return all(self._size(cid_of_sha256(leaf.sha256)) == leaf.size for leaf in leaves)

    def _size(self, cid: str) -> int | None:
        """Bytes of a block; None when the node does not have it."""
        try:
            return int(self._client.block.stat(cid, opts={"offline": "true"})["Size"])
        except ipfshttpclient.exceptions.ErrorResponse:
            return None
        except _AWAY as error:
            raise self._unreachable(cid, error) from error

    def _unreachable(self, cid: str, error: Exception) -> ObjectStoreUnreachable:
        return ObjectStoreUnreachable(
            f"IPFS node {self._api} does not answer for object {cid} "
            f"({type(error).__name__}); check that its daemon runs"
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
