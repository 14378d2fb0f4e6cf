"""Gathering a study's evidence bundle from a chain node and an IPFS node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from audit.bundle_writer import write_bundle
from chain import events as ev
from chain.chain import Chain
from chain.evidence import collect
from ipfs.objects import ObjectStore
from study.documents import fetch_documents

#: (objects written, objects in all)
Progress = Callable[[int, int], None]


def gather_bundle(
    chain: Chain,
    store: ObjectStore,
    study_id: int,
    folder: Path,
    tell: Progress = lambda done, total: None,
) -> bytes:
    """Writes the bundle of a study as of the chain's newest block, an object at a time.

    With the documents of every version that came into force; the events hold all that were
    proposed.

    Args:
        folder: an absent or empty folder; it is filled whole or not at all.
        tell: is told before each object.

    Returns:
        The hash of that block: what a reviewer should learn from two sites before trusting it.

    Raises:
        chain.errors.ChainError, ipfs.objects.ObjectStoreError, audit.errors.AuditError
    """
    head = chain.head()
    evidence = collect(chain, study_id, head.number)
    events = [ev.decode(record) for record in evidence.events]
    # What else was proposed its sponsor may never have published: that must not stop an audit.
    in_force = {event.version for event in events if isinstance(event, ev.VersionActivated)}
    versions = [
        event
        for event in events
        if isinstance(event, ev.VersionProposed) and event.version in in_force
    ]
    documents = {
        f"documents/{proposed.version}/{name}": data
        for proposed in versions
        for name, data in fetch_documents(store, proposed.terms).items()
    }
    wanted = {proposed.terms.initial_checkpoint for proposed in versions}
    for event in events:
        if isinstance(event, ev.Closed):
            wanted |= {event.manifest_hash, event.checkpoint_hash, *event.masked_hashes}
    write_bundle(folder, evidence, documents, _Fetched(store, wanted, tell))
    return head.hash


class _Fetched(Mapping[str, bytes]):
    """Objects by CID, each fetched when it is asked for and not kept."""

    def __init__(self, store: ObjectStore, digests: Iterable[bytes], tell: Progress) -> None:
        self._store, self._tell = store, tell
        self._cids = frozenset(store.cid_of(digest) for digest in digests)
        self._done = 0

    def __getitem__(self, cid: str) -> bytes:
        if cid not in self._cids:
            raise KeyError(cid)
        self._tell(self._done, len(self._cids))
        self._done += 1
        return self._store.get(cid)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cids)

    def __len__(self) -> int:
        return len(self._cids)
