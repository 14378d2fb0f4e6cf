"""Lies of who stores and hands on objects and bundles."""

from __future__ import annotations

from dataclasses import replace

from audit.bundle import Bundle
from audit.checks.context import place_of
from audit.cid import cid_of_sha256
from chain import events as ev
from tests.audit.misbehaviour.forgery import Forgery, doubled
from tests.audit.misbehaviour.kinds import Collection, Reach, Who
from tests.audit.misbehaviour.of_coordinator import LAST
from tests.audit.tampering import flipped

of_storage = Collection()
STORAGE, FILES = Who.STORAGE, Reach.FILES
forged = of_storage.forged


def path_of(f: Forgery, digest: bytes) -> str:
    return place_of(cid_of_sha256(digest))


@forged(STORAGE, "gives another checkpoint under the same CID", "objects.cid", "objects.car", FILES)
def checkpoint_swapped(f: Forgery) -> None:
    newest = f.event(ev.Closed).checkpoint_hash
    f.put(path_of(f, newest), f.object(f.event(ev.Closed, round=3).checkpoint_hash))


@forged(STORAGE, "flips one bit of a checkpoint", "objects.cid", "objects.car", FILES)
def checkpoint_with_a_flipped_bit(f: Forgery) -> None:
    newest = f.event(ev.Closed).checkpoint_hash
    data = f.object(newest)
    f.put(path_of(f, newest), flipped(data, len(data) - 1))


@forged(STORAGE, "loses a checkpoint", "outcome.checkpoint", "objects.car", FILES)
def checkpoint_lost(f: Forgery) -> None:
    f.remove(f.event(ev.Closed).checkpoint_hash)


@forged(STORAGE, "loses a masked vector", "outcome.masked", "objects.car", FILES)
def vector_lost(f: Forgery) -> None:
    f.remove(f.event(ev.Closed).masked_hashes[0])


@forged(STORAGE, "loses a manifest", "outcome.manifest", "objects.car", FILES)
def manifest_lost(f: Forgery) -> None:
    f.remove(f.event(ev.Closed).manifest_hash)


@forged(STORAGE, "loses a document", "document", "documents/2/protocol", FILES)
def document_lost(f: Forgery) -> None:
    f.changes["documents/2/protocol"] = None


@forged(STORAGE, "gives another vector under the same CID", "objects.cid", "objects.car", FILES)
def vector_swapped(f: Forgery) -> None:
    first = f.event(ev.Closed).masked_hashes[0]
    f.put(path_of(f, first), doubled(f.masked(LAST)[0]))


@forged(
    STORAGE, "slips in an object that no event names", "objects.referenced", "objects.car", FILES
)
def object_of_no_round(f: Forgery) -> None:
    f.store(b"surprise")


@forged(
    STORAGE,
    "slips in documents of a version that never was",
    "documents.referenced",
    "documents/9/protocol",
    FILES,
)
def document_of_no_version(f: Forgery) -> None:
    f.put("documents/9/protocol", b"surprise")


@forged(
    STORAGE, "changes a file and leaves bundle.json", "files.hash", "documents/2/protocol", FILES
)
def file_changed_behind_the_index(f: Forgery) -> Bundle:
    path = "documents/2/protocol"
    return replace(f.honest, files={**f.honest.files, path: b"Another protocol."})


@forged(STORAGE, "drops a file that bundle.json lists", "files.present", "chain/code.json", FILES)
def listed_file_lost(f: Forgery) -> Bundle:
    left = {path: data for path, data in f.honest.files.items() if path != "chain/code.json"}
    return replace(f.honest, files=left)
