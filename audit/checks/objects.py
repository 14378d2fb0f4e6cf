"""Nothing is in the bundle that no proven event refers to."""

from __future__ import annotations

from audit.checks.context import Context
from audit.cid import cid_of_sha256


def check_references(context: Context) -> None:
    """Adds `objects.referenced` and `documents.referenced`."""
    state = context.state
    if state is None:
        return
    wanted = {version.terms.initial_checkpoint for version in state.history.versions.values()}
    for facts in state.history.rounds.values():
        if facts.closed:
            wanted |= {facts.closed.checkpoint_hash, facts.closed.manifest_hash}
            wanted |= set(facts.closed.masked_hashes)
    paths = {f"objects/{cid_of_sha256(digest)}" for digest in wanted}
    held = {path for path in context.bundle.files if path.startswith("objects/")}
    for path in sorted(held - paths):
        context.record.fail("objects.referenced", path, "nothing refers to it")
    versions = {str(version) for version in state.history.versions}
    for path in sorted(p for p in context.bundle.files if p.startswith("documents/")):
        if path.split("/")[1] not in versions:
            context.record.fail("documents.referenced", path, "the study has no such version")
    if held <= paths:
        context.record.add("objects.referenced", "objects", True, f"{len(held)}, each referred to")
