"""From a round's facts to what is told of it. Asks neither chain nor database."""

from __future__ import annotations

from api.blocks import BlockShown
from api.rounds.models import (
    AbortShown,
    ClosureShown,
    CommitmentShown,
    Deadlines,
    RoundShown,
    RoundSummary,
    SealShown,
)
from audit.cid import cid_of_sha256
from audit.round_state import Committing, RoundFacts


def summary_of(facts: RoundFacts) -> RoundSummary:
    """A round as one line of a list."""
    opened = facts.opened
    return RoundSummary(
        number=facts.number,
        state=facts.state.name.lower(),
        version=opened.version,
        opened_at=facts.opened_at.time,
        deadlines=Deadlines(
            commit=opened.commit_deadline,
            seal=opened.seal_deadline,
            delivery=opened.delivery_deadline,
            close=opened.close_deadline,
        ),
        members=list(facts.sealed.members) if facts.sealed else [],
        checkpoint_cid=cid_of_sha256(facts.closed.checkpoint_hash) if facts.closed else None,
    )


def round_shown(facts: RoundFacts, study_id: int, as_of: BlockShown) -> RoundShown:
    """Everything that is told of one round."""
    opened = facts.opened
    return RoundShown(
        **dict(summary_of(facts)),
        study_id=study_id,
        pinned_block=opened.pinned_block,
        base_cid=cid_of_sha256(opened.base),
        previous_sealed=opened.previous_sealed,
        previous_closed=opened.previous_closed,
        commitments=[_commitment(one, facts) for one in facts.newest_commitments().values()],
        seal=_seal(facts),
        closure=_closure(facts),
        abort=_abort(facts),
        as_of=as_of,
    )


def _commitment(one: Committing, facts: RoundFacts) -> CommitmentShown:
    delivered = facts.deliveries.get(one.site)
    return CommitmentShown(
        site=one.site,
        attempt=one.commitment.attempt,
        committed_at=one.moment.time,
        cohort_root=_hex(one.commitment.cohort_root),
        tokens=one.commitment.cohort_size,
        block_number=one.commitment.block_number,
        epoch=one.commitment.epoch,
        vector_hash=_hex(one.commitment.vector_hash),
        delivered=None if delivered is None else _hex(delivered),
    )


def _seal(facts: RoundFacts) -> SealShown | None:
    if facts.sealed is None or facts.sealed_at is None:
        return None
    return SealShown(
        sealed_at=facts.sealed_at.time,
        seal_digest=_hex(facts.sealed.seal_digest),
        rho=str(facts.sealed.rho),
        rho_spent=str(facts.sealed.rho_spent),
    )


def _closure(facts: RoundFacts) -> ClosureShown | None:
    if facts.closed is None or facts.closed_at is None:
        return None
    checkpoint, manifest = facts.closed.checkpoint_hash, facts.closed.manifest_hash
    return ClosureShown(
        closed_at=facts.closed_at.time,
        checkpoint_sha256=_hex(checkpoint),
        checkpoint_cid=cid_of_sha256(checkpoint),
        manifest_sha256=_hex(manifest),
        manifest_cid=cid_of_sha256(manifest),
    )


def _abort(facts: RoundFacts) -> AbortShown | None:
    if facts.aborted is None or facts.aborted_at is None:
        return None
    reason = facts.aborted.reason.name.lower().replace("_", "-")
    return AbortShown(aborted_at=facts.aborted_at.time, reason=reason)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
