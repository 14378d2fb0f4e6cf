"""What a sealed round with all its deliveries makes: the next checkpoint and the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.checkpoint import read as read_checkpoint
from audit.checkpoint import write as write_checkpoint
from audit.cid import cid_of_sha256
from audit.codec import from_bytes
from audit.manifest import ManifestFacts
from audit.manifest import build as build_manifest
from audit.recipe import Recipe
from audit.sum_bound import require_plausible_sum
from audit.update import apply_round, unmask_sum
from chain.messages import Terms
from federation.app.chain_facts import sealed_event
from federation.app.coordinator import Coordinator


@dataclass(frozen=True)
class RoundResult:
    """The bytes of a round's checkpoint and manifest."""

    checkpoint: bytes
    manifest: bytes


def result_of(
    coordinator: Coordinator,
    terms: Terms,
    recipe: Recipe,
    round_number: int,
    members: Sequence[str],
    masked: Sequence[bytes],
) -> RoundResult:
    """Sums the members' masked vectors and applies the sum to the round's base.

    Args:
        members: in the seal's order; masked: their vectors' bytes, in the same order.

    Raises:
        audit.errors.AuditError: the base or the sum cannot give a checkpoint, or the sum is longer
            than honest sites' can be.
        ipfs.objects.ObjectStoreError, chain.errors.ChainError
    """
    chain, study = coordinator.chain, coordinator.config.study_id
    sealed_round = chain.ledger.round(study, round_number)
    commitments = chain.ledger.commitments_of(study, round_number, members)
    count = sum(commitment.cohort_size for commitment in commitments)
    total = unmask_sum([from_bytes(data) for data in masked])
    require_plausible_sum(total, count, len(members), terms)
    base = read_checkpoint(coordinator.store.get(cid_of_sha256(sealed_round.base)))
    checkpoint = write_checkpoint(apply_round(base, total, count, terms, recipe))
    record, sealed = sealed_event(chain, study, round_number)
    manifest = build_manifest(
        ManifestFacts(
            deployment=chain.deployment,
            study_id=study,
            round_number=round_number,
            round=sealed_round,
            terms=terms,
            members=tuple(members),
            commitments=tuple(commitments),
            masked=tuple(masked),
            parent_hash=sealed.parent_hash,
            seal_block=record.block_number,
            count=count,
            total=total,
            checkpoint=checkpoint,
            rho=sealed.rho,
            rho_spent=sealed.rho_spent,
        )
    )
    return RoundResult(checkpoint, manifest)
