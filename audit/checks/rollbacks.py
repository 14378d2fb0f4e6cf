"""Each return to an earlier checkpoint: k distinct reviewers signed exactly that, and once."""

from __future__ import annotations

from audit.checks.context import Context
from audit.checks.signatures import check_signature
from audit.consent_state import StudyState
from audit.history import RollbackFacts
from audit.remedies import spans
from chain.messages import Rollback, account_of_signer


def check_rollbacks(context: Context) -> None:
    """For each rollback adds `rollback.signature` for each who signed, and `rollback.approved`."""
    state = context.state
    if state is None:
        return
    for rollback in state.history.rollbacks:
        with context.record.group("rollback.approved", f"rollback {rollback.event.rollbacks}"):
            _check_rollback(context, state, rollback)


def _check_rollback(context: Context, state: StudyState, rollback: RollbackFacts) -> None:
    event, where = rollback.event, f"rollback {rollback.event.rollbacks}"
    # the count that was signed is the one before
    message = Rollback(context.study, event.to_round, event.rollbacks - 1)
    digest = message.digest(context.ledger_domain)
    valid = set()
    for signer, signature in zip(event.signers, event.signatures, strict=True):
        reviewer = account_of_signer(signer)
        place = f"{where}, reviewer {reviewer}"
        plain = len(signer) == 20
        name = "rollback.signature"
        if check_signature(context, name, place, reviewer, digest, signature, plain):
            valid.add(reviewer)
    seated = valid & set(state.state_before(rollback.moment).reviewers)
    base = f"round {event.to_round}" if event.to_round else "the initial checkpoint"
    retired = spans(sorted(retired_by(state, rollback)))
    context.record.add(
        "rollback.approved",
        where,
        len(seated) >= state.history.threshold > 1,
        f"{len(seated)} reviewers signed that the study goes back to {base},"
        f" {state.history.threshold} are needed; it retires the checkpoints of rounds {retired}",
    )


def retired_by(state: StudyState, rollback: RollbackFacts) -> set[int]:
    """The closed rounds whose checkpoints a rollback retired."""
    event = rollback.event
    kept = set(state.history.lineage(event.to_round))
    return set(state.history.lineage(event.from_round)) - kept
