"""Recomputing the round that a base is of, so that no site trains on one that does not follow.

That is the last closed round, or the one that reviewers went back to: the site's own node says.
"""

from __future__ import annotations

from audit.checkpoint import read as read_checkpoint
from audit.checkpoint import write as write_checkpoint
from audit.cid import cid_of_sha256, digest_of
from audit.codec import from_bytes
from audit.errors import AuditError
from audit.manifest import parse as parse_manifest
from audit.recipe import parse as parse_recipe
from audit.sum_bound import require_plausible_sum
from audit.update import apply_round, unmask_sum
from chain.chain import Chain
from chain.messages import Round, RoundState
from federation.app.chain_facts import RoundEventMissing, closed_event
from ipfs.objects import ObjectStore


class BaseDoesNotFollow(Exception):
    """The open round's base is not what the last closed round must have made."""


def check_base_follows(chain: Chain, store: ObjectStore, study_id: int, number: int) -> None:
    """Recomputes the round that round `number` continues and compares its checkpoint with the base.

    Raises:
        BaseDoesNotFollow: the base differs; the message names round and hashes.
        ipfs.objects.ObjectStoreError: an object that the recomputation needs is missing.
    """
    opened = chain.ledger.round(study_id, number)
    if opened.previous_closed == 0:
        initial = chain.registry.terms(study_id, opened.version).initial_checkpoint
        if opened.base != initial:
            raise BaseDoesNotFollow(f"round {number} starts from another checkpoint than approved")
        return
    previous = chain.ledger.round(study_id, opened.previous_closed)
    if previous.state != RoundState.CLOSED or previous.checkpoint_hash != opened.base:
        raise BaseDoesNotFollow(
            f"round {number} starts from 0x{opened.base.hex()}, but round "
            f"{opened.previous_closed} closed with 0x{previous.checkpoint_hash.hex()}"
        )
    try:
        made = recompute_round(chain, store, study_id, opened.previous_closed)
    except (AuditError, RoundEventMissing) as error:
        raise BaseDoesNotFollow(
            f"round {opened.previous_closed} cannot be recomputed: {error}"
        ) from error
    if made != opened.base:
        raise BaseDoesNotFollow(
            f"recomputing round {opened.previous_closed} gives 0x{made.hex()}, "
            f"but round {number} starts from 0x{opened.base.hex()}"
        )


def recompute_round(chain: Chain, store: ObjectStore, study_id: int, number: int) -> bytes:
    """What names the checkpoint that a closed round must have made, from its base and the masked
    vectors that its members signed: 32 bytes (`audit.cid.digest_of`).

    Raises:
        AuditError, RoundEventMissing: it cannot be recomputed.
        ipfs.objects.ObjectStoreError, chain.errors.ChainError
    """
    closed: Round
    closed, members = chain.together(
        lambda: chain.ledger.round(study_id, number),
        lambda: chain.ledger.members(study_id, number),
    )
    terms = chain.registry.terms(study_id, closed.version)
    recipe = parse_recipe(store.get(cid_of_sha256(terms.recipe_hash)))
    manifest = parse_manifest(store.get(cid_of_sha256(closed.manifest_hash)))
    if [entry.site for entry in manifest.contributions] != list(members):
        raise AuditError(f"the manifest of round {number} names other members than the ledger")
    # The ledger checked these hashes against the members' signatures; the manifest only claims.
    _, closing = closed_event(chain, study_id, number, closed)
    if [entry.masked.sha256 for entry in manifest.contributions] != list(closing.masked_hashes):
        raise AuditError(
            f"the manifest of round {number} names masked vectors that its members did not sign"
        )
    commitments = chain.ledger.commitments_of(study_id, number, members)
    count = sum(commitment.cohort_size for commitment in commitments)
    total = unmask_sum(from_bytes(store.get(entry.masked.cid)) for entry in manifest.contributions)
    require_plausible_sum(total, count, len(members), terms)
    base = read_checkpoint(store.get(cid_of_sha256(closed.base)))
    checkpoint = apply_round(base, total, count, terms, recipe)
    return digest_of(write_checkpoint(checkpoint))
