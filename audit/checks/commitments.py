"""Each commitment as the ledger must have taken it: by whom, when, of which cohort."""

from __future__ import annotations

from audit.checks.context import Context
from audit.consent_state import StudyState
from audit.mask_keys import why_unusable
from audit.round_state import Committing, RoundFacts
from audit.rules import BLOCK_HASH_WINDOW, is_same_version
from chain.messages import Terms


def check_commitment(
    context: Context,
    state: StudyState,
    facts: RoundFacts,
    terms: Terms,
    committing: Committing,
    place: str,
) -> None:
    """Adds `round.commitment`, `-time`, `-block` and `-fields`, `round.epoch`, `round.cohort`."""
    record, moment, commitment = context.record, committing.moment, committing.commitment
    site, now = committing.site, state.state_before(moment)
    allowed = site in terms.sites and is_same_version(now, facts)
    record.add("round.commitment", place, allowed, "by a site of the version in force")
    in_time = moment.time < facts.opened.commit_deadline
    if facts.sealed_at is not None:
        in_time = in_time and moment.position < facts.sealed_at.position
    record.add("round.commitment-time", place, in_time, "before the commit deadline and the seal")
    block = commitment.block_number
    known = facts.opened.pinned_block <= block < moment.block <= block + BLOCK_HASH_WINDOW
    record.add("round.commitment-block", place, known, f"cohort read at block {block}")
    then = state.state_at(block)
    epochs = {commitment.epoch, now.epoch(site), then.epoch(site)}
    record.add("round.epoch", place, len(epochs) == 1, f"epoch {commitment.epoch} there and here")
    # active from the moment of the commitment to the close deadline, by what that block knew
    deadline = facts.opened.close_deadline
    active = set(then.active_indices(site, terms.purposes, moment.time))
    active &= set(then.active_indices(site, terms.purposes, deadline))
    size = commitment.cohort_size
    record.add(
        "round.cohort",
        place,
        terms.min_cohort <= size <= len(active),
        f"{size} admitted, {len(active)} active to the close deadline, at least {terms.min_cohort}"
        " needed",
    )
    named = (commitment.cohort_root, commitment.vector_hash, commitment.environment_hash)
    whole, why = all(any(value) for value in named), why_unusable(commitment.mask_key)
    detail = f"its mask key {why}" if why else "cohort root, vector, key, environment"
    record.add("round.commitment-fields", place, whole and why is None, detail)
