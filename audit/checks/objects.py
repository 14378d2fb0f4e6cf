"""Every object is what its CID names; nothing is in the bundle that no proven event refers to."""

from __future__ import annotations

from audit.bundle_index import OBJECTS
from audit.checks.context import Context, place_of
from audit.cid import sha256_of_cid


def check_references(context: Context) -> None:
    """Adds `objects.cid`, `objects.referenced` and `documents.referenced`."""
    _check_objects(context)
    state = context.state
    if state is None:
        return
    wanted = {version.terms.initial_checkpoint for version in state.history.versions.values()}
    for facts in state.history.rounds.values():
        if facts.closed:
            wanted |= {facts.closed.checkpoint_hash, facts.closed.manifest_hash}
            wanted |= set(facts.closed.masked_hashes)
    cids = {context.cid(digest) for digest in wanted}
    unwanted = sorted(cid for cid in context.bundle.objects if cid not in cids)
    for cid in unwanted:
        context.record.fail("objects.referenced", place_of(cid), "nothing refers to it")
    if not unwanted:
        detail = f"{len(context.bundle.objects)}, each referred to"
        context.record.add("objects.referenced", OBJECTS, True, detail)
    _check_documents(context, {str(version) for version in state.history.versions})


def _check_objects(context: Context) -> None:
    """Reads the objects that no check before has read."""
    hashed = context.objects_hashed
    for cid in context.bundle.objects:
        if cid not in hashed:
            context.view(sha256_of_cid(cid))
    if all(hashed.values()):
        context.record.add("objects.cid", OBJECTS, True, f"{len(hashed)}, each what its CID names")


def _check_documents(context: Context, versions: set[str]) -> None:
    paths = sorted(path for path in context.bundle.files if path.startswith("documents/"))
    unwanted = [path for path in paths if path.split("/")[1] not in versions]
    for path in unwanted:
        context.record.fail("documents.referenced", path, "the study has no such version")
    if not unwanted:
        detail = f"{len(paths)}, each of a version of the study"
        context.record.add("documents.referenced", "documents", True, detail)
