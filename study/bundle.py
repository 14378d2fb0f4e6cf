"""Gathering a study's evidence bundle from a chain node and an IPFS node."""

from __future__ import annotations

from pathlib import Path

from audit.bundle import write_bundle
from audit.cid import cid_of_sha256
from audit.manifest import parse as parse_manifest
from chain.chain import Chain
from chain.evidence import collect
from chain.messages import RoundState
from ipfs.objects import ObjectStore
from study.documents import fetch_documents


def gather_bundle(chain: Chain, store: ObjectStore, study_id: int, folder: Path) -> bytes:
    """Writes the bundle of a study as of the chain's newest block.

    Args:
        folder: an absent or empty folder.

    Returns:
        The hash of that block: what a reviewer should learn from two sites before trusting it.

    Raises:
        chain.errors.ChainError, ipfs.objects.ObjectStoreError, audit.errors.AuditError
    """
    head = chain.head()
    evidence = collect(chain, study_id, head.number)
    documents: dict[str, bytes] = {}
    objects: dict[str, bytes] = {}

    def take(sha256: bytes) -> bytes:
        cid = cid_of_sha256(sha256)
        objects[cid] = store.get(cid)
        return objects[cid]

    for version in range(1, chain.registry.study(study_id).proposed_version + 1):
        terms = chain.registry.terms(study_id, version)
        take(terms.initial_checkpoint)
        for name, data in fetch_documents(store, terms).items():
            documents[f"documents/{version}/{name}"] = data
    for number in range(1, chain.ledger.round_count(study_id) + 1):
        info = chain.ledger.round(study_id, number)
        if info.state != RoundState.CLOSED:
            continue
        manifest = parse_manifest(take(info.manifest_hash))
        take(info.checkpoint_hash)
        for entry in manifest.contributions:
            take(entry.masked.sha256)
    write_bundle(folder, evidence, documents, objects)
    return head.hash
