"""Rules of the contracts that the verifier applies again: terms, consent versions, epochs,
aborts.
"""

from __future__ import annotations

from audit.consent_state import StudyState
from audit.round_state import Committing, Moment, RoundFacts
from chain.messages import AbortReason, LateRevocation, Terms, rho_of_round

BLOCK_HASH_WINDOW = 256
"""The EVM knows the hashes of the last 256 blocks only."""


def broken_terms(terms: Terms) -> list[str]:
    """Members of terms that the registry's rules refuse, apart from unregistered sites."""
    named = ("protocol_hash", "consent_text_hash", "app_hash", "recipe_hash", "initial_checkpoint")
    broken = [name for name in named if not any(getattr(terms, name))]
    positive = ("purposes", "min_cohort", "vector_length", "clipping_norm", "noise_multiplier")
    seconds = ("commit_seconds", "seal_seconds", "delivery_seconds", "close_seconds")
    broken += [name for name in positive + seconds if getattr(terms, name) == 0]
    noise_sites = terms.min_sites - terms.tolerated_colluders
    if noise_sites < 2 or len(terms.sites) < terms.min_sites:
        broken.append("min_sites")
    if list(terms.sites) != sorted(set(terms.sites), key=lambda site: int(site, 16)):
        broken.append("sites")
    if terms.fraction_bits > 52:
        broken.append("fraction_bits")
    # each site's noise has a standard deviation of at least 4 grid steps (contracts/Zcdp.sol)
    if (terms.noise_multiplier * terms.clipping_norm) ** 2 < 16 * 10**12 * noise_sites:
        broken.append("noise_multiplier")
    if not 0 < terms.delta < 10**18:
        broken.append("delta")
    if terms.noise_multiplier and rho_of_round(terms.noise_multiplier) > terms.rho_ceiling:
        broken.append("rho_ceiling")
    return broken


def needs_fresh_consent(before: Terms | None, after: Terms) -> bool:
    """Whether consent given under ``before`` does not carry over to ``after`` (TermsRules)."""
    if before is None:
        return True
    return (
        (before.late_revocation, after.late_revocation)
        == (LateRevocation.ABANDON, LateRevocation.PROCEED)
        or after.rho_ceiling > before.rho_ceiling
        or after.delta > before.delta
        or after.app_hash != before.app_hash
        or after.recipe_hash != before.recipe_hash
        or not set(after.sites) <= set(before.sites)
    )


def counted_epoch(state: StudyState, facts: RoundFacts, terms: Terms, site: str, time: int) -> int:
    """The epoch that a commitment is held to at chain time ``time`` (Rounds._countedEpoch)."""
    deadline = facts.opened.commit_deadline
    if terms.late_revocation == LateRevocation.PROCEED and time >= deadline:
        return state.epoch_at(site, deadline)
    return state.epoch(site)


def is_current(
    state: StudyState, facts: RoundFacts, terms: Terms, committing: Committing | None, time: int
) -> bool:
    """Whether a site's newest commitment may be sealed, or closed, at chain time ``time``."""
    return committing is not None and committing.commitment.epoch == counted_epoch(
        state, facts, terms, committing.site, time
    )


def contributors(state: StudyState, facts: RoundFacts, terms: Terms, moment: Moment) -> list[str]:
    """The sites that a seal at ``moment`` must find, in the order of the terms."""
    newest = {c.site: c for c in facts.commitments if c.moment.position < moment.position}
    return [
        site
        for site in terms.sites
        if is_current(state, facts, terms, newest.get(site), moment.time)
    ]


def abort_reason(state: StudyState, facts: RoundFacts, terms: Terms, moment: Moment) -> AbortReason:
    """The reason that the ledger gives for an abort at ``moment`` (RoundLedger._abortReason).

    ``state`` as of just before. COORDINATOR when no other applies: only the coordinator may then.
    """
    standing = state.standing
    if standing is None or standing.current_version != facts.opened.version:
        return AbortReason.STUDY_CHANGED
    if facts.sealed is None:
        if moment.time >= facts.opened.seal_deadline:
            return AbortReason.SEAL_DEADLINE_PASSED
        return AbortReason.COORDINATOR
    if moment.time >= facts.opened.close_deadline:
        return AbortReason.CLOSE_DEADLINE_PASSED
    sealed = facts.sealed_commitments()
    if not all(is_current(state, facts, terms, entry, moment.time) for entry in sealed):
        return AbortReason.CONSENT_CHANGED
    return AbortReason.COORDINATOR
