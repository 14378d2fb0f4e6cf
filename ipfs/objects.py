"""Objects on IPFS: one raw block each, so that an object's SHA-256 and its CID say the same.

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

from audit.cid import MAX_OBJECT_BYTES, cid_of

# Of an argument that ipfshttpclient hands to urllib3; nothing that a user could act on.
warnings.filterwarnings("ignore", "The 'strict' parameter", FutureWarning)


class ObjectStoreError(Exception):
    """An object could not be stored, found or believed. The message names it."""


class ObjectStoreUnreachable(ObjectStoreError):
    """The IPFS node does not answer."""


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

    def put(self, data: bytes) -> str:
        """Stores, pins and reads back one object.

        Returns:
            Its CID (version 1, codec raw, sha2-256, base32).

        Raises:
            ObjectStoreUnreachable, ObjectCorrupt, ObjectStoreError.
        """
        if len(data) > MAX_OBJECT_BYTES:
            raise ObjectStoreError(
                f"object of {len(data)} bytes is over the limit of {MAX_OBJECT_BYTES}"
            )
        cid = cid_of(data)
        options = {"cid-codec": "raw", "mhtype": "sha2-256", "pin": "true"}
        try:
            stored = self._client.block.put(io.BytesIO(data), opts=options)["Key"]
        except ipfshttpclient.exceptions.Error as error:
            raise self._unreachable(cid, error) from error
        if stored != cid:
            raise ObjectCorrupt(f"IPFS stored object {cid} under another name, {stored}")
        if self.get(cid) != data:
            raise ObjectCorrupt(f"IPFS returned other bytes for {cid} right after storing it")
        return cid

    def get(self, cid: str) -> bytes:
        """Fetches one object and checks that it hashes to its CID.

        Raises:
            ObjectStoreUnreachable, ObjectMissing, ObjectCorrupt.
        """
        try:
            data: bytes = self._client.block.get(cid, opts={"offline": "true"})
        except ipfshttpclient.exceptions.ErrorResponse as error:
            raise ObjectMissing(f"IPFS node {self._api} does not hold object {cid}") from error
        except ipfshttpclient.exceptions.Error as error:
            raise self._unreachable(cid, error) from error
        if cid_of(data) != cid:
            raise ObjectCorrupt(f"IPFS node {self._api} returned bytes that are not object {cid}")
        return data

    def holds(self, cid: str) -> bool:
        """Whether the node itself has the object; its bytes are not looked at.

        Raises:
            ObjectStoreUnreachable.
        """
        try:
            self._client.block.stat(cid, opts={"offline": "true"})
        except ipfshttpclient.exceptions.ErrorResponse:
            return False
        except ipfshttpclient.exceptions.Error as error:
            raise self._unreachable(cid, error) from error
        return True

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
