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
from audit.history import History
from audit.object_names import cid_of_checkpoint
from audit.round_state import Committing, RoundFacts
from chain.messages import Terms


def summary_of(history: History, facts: RoundFacts) -> RoundSummary:
    """A round of a study as one line of a list."""
    opened, closed = facts.opened, facts.closed
    terms = _terms(history, facts)
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
        checkpoint_cid=cid_of_checkpoint(closed.checkpoint_hash, terms) if closed else None,
    )


def round_shown(history: History, facts: RoundFacts, as_of: BlockShown) -> RoundShown:
    """Everything that is told of one round of a study."""
    opened, terms = facts.opened, _terms(history, facts)
    return RoundShown(
        **dict(summary_of(history, facts)),
        study_id=history.study_id,
        pinned_block=opened.pinned_block,
        base_cid=cid_of_checkpoint(opened.base, terms),
        previous_sealed=opened.previous_sealed,
        previous_closed=opened.previous_closed,
        commitments=[_commitment(one, facts) for one in facts.newest_commitments().values()],
        seal=_seal(facts),
        closure=_closure(facts, terms),
        abort=_abort(facts),
        as_of=as_of,
    )


def _terms(history: History, facts: RoundFacts) -> Terms:
    return history.versions[facts.opened.version].terms


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


def _closure(facts: RoundFacts, terms: Terms) -> ClosureShown | None:
    if facts.closed is None or facts.closed_at is None:
        return None
    checkpoint, manifest = facts.closed.checkpoint_hash, facts.closed.manifest_hash
    return ClosureShown(
        closed_at=facts.closed_at.time,
        checkpoint_sha256=_hex(checkpoint),
        checkpoint_cid=cid_of_checkpoint(checkpoint, terms),
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
