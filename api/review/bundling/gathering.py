"""Gathers one bundle, verifies it as a reviewer would, and packs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.review.bundling.folder import BundleFolder
from api.review.bundling.repository import BundleMade
from api.service import Service
from audit.bundle import read_bundle
from audit.bundle_archive import write_archive
from audit.errors import AuditError
from audit.verify import verify
from chain.chain import Chain
from chain.errors import BadEvidence, ChainError, ChainUnreachable
from chain.messages import RoundState
from ipfs.objects import ObjectStore, ObjectStoreError, ObjectStoreUnreachable
from study.bundle import gather_bundle
from study.documents import DOCUMENTS

#: (stage, steps done, steps in all)
Progress = Callable[[str, int, int], None]
_TELL_SECONDS = 0.5


class BundleFailed(Exception):
    """No bundle could be made; `code` is stable, the message tells nothing of our network."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


def make_bundle(
    service: Service, folder: BundleFolder, study_id: int, tell: Progress
) -> BundleMade:
    """A study's bundle as of the chain's newest block, in the folder.

    It is verified without a trusted block: the report's `anchor` never holds, because a hash that
    we give would be our own word.

    Raises:
        BundleFailed
    """
    api, limit = service.settings.ipfs, service.settings.max_bundle_bytes
    if api is None:
        raise BundleFailed("ipfs-missing", "this service has no IPFS node to read objects from")
    work = folder.workshop()
    try:
        chain = service.node.chain()
        store = CountedStore(api, _expected(chain, study_id), limit, tell)
        with store:
            block_hash = gather_bundle(chain, store, study_id, work / "bundle")
    except ChainUnreachable as error:
        raise BundleFailed("chain-unreachable", "the chain's node does not answer") from error
    except ObjectStoreUnreachable as error:
        raise BundleFailed("ipfs-unreachable", "the IPFS node does not answer") from error
    except (BadEvidence, AuditError) as error:
        raise BundleFailed("evidence-unusable", str(error)) from error
    except ChainError as error:
        kind = type(error).__name__
        raise BundleFailed("chain-refused", f"the chain's node refused: {kind}") from error
    tell("verifying", 0, 1)
    report = _verified(work / "bundle")
    tell("packing", 0, 1)
    packed = work / "bundle.tar"
    write_archive(work / "bundle", packed)
    size = packed.stat().st_size
    if size > limit:
        raise BundleFailed("bundle-too-large", f"the file has {size} bytes, {limit} are allowed")
    sha256 = folder.keep(packed)
    return BundleMade(report["holds_until"]["block"], block_hash, report, sha256, size)


def _verified(folder: Path) -> dict[str, Any]:
    try:
        return verify(read_bundle(folder)).to_json()
    except AuditError as error:
        raise BundleFailed("bundle-unusable", str(error)) from error


def _expected(chain: Chain, study_id: int) -> int:
    """How many objects the bundle will need, for progress alone."""
    versions = chain.registry.study(study_id).proposed_version
    rounds = range(1, chain.ledger.round_count(study_id) + 1)
    closed = [
        number
        for number in rounds
        if chain.ledger.round(study_id, number).state == RoundState.CLOSED
    ]
    return len(DOCUMENTS) * versions + sum(
        2 + len(chain.ledger.members(study_id, number)) for number in closed
    )


class CountedStore(ObjectStore):
    """An object store that tells how far it is, and stops when the bundle grows too large."""

    def __init__(self, api: str, expected: int, limit: int, tell: Progress) -> None:
        super().__init__(api)
        self._expected, self._limit, self._tell = expected, limit, tell
        self._count = self._bytes = 0
        self._told = 0.0
        tell("objects", 0, expected)

    def get(self, cid: str) -> bytes:
        """As ObjectStore's. Raises BundleFailed, ObjectStoreUnreachable."""
        try:
            data = super().get(cid)
        except ObjectStoreUnreachable:
            raise
        except ObjectStoreError as error:
            raise BundleFailed(
                "object-missing", f"the IPFS node does not have object {cid} as its name says"
            ) from error
        self._count += 1
        self._bytes += len(data)
        if self._bytes > self._limit:
            raise BundleFailed(
                "bundle-too-large", f"its objects have more than {self._limit} bytes"
            )
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            self._tell("objects", self._count, max(self._count, self._expected))
        return data
