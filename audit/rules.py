"""Rules of the contracts that the verifier applies again: terms, consent versions, epochs,
aborts.
"""

from __future__ import annotations

from audit.consent_state import StudyState
from audit.data_use import is_valid
from audit.round_state import Committing, Moment, RoundFacts
from chain.messages import AbortReason, LateRevocation, Terms, rho_of_round

BLOCK_HASH_WINDOW = 256
"""The EVM knows the hashes of the last 256 blocks only."""

MAX_REVIEWERS = 32
"""StudyRegistry reads a committee whole at each approval."""

MAX_APPROVAL_SECONDS = 366 * 24 * 3600
"""How far ahead an approval may expire (continuing review, 45 CFR 46.109(e))."""

MAX_CLIPPING_NORM = 1 << 40
"""In grid steps, so that a sum over 2^22 patients fits 64 bits with a sign (TermsRules)."""


def broken_terms(terms: Terms) -> list[str]:
    """Members of terms that the registry's rules refuse, apart from unregistered sites."""
    named = ("protocol_hash", "consent_text_hash", "dpia_hash", "app_hash", "recipe_hash")
    broken = [n for n in (*named, "initial_checkpoint") if not any(getattr(terms, n))]
    if not is_valid(terms.purposes, terms.disease):
        broken.append("purposes")
    if int(terms.coordinator, 16) == 0:
        broken.append("coordinator")
    positive = ("min_cohort", "vector_length", "clipping_norm", "noise_multiplier")
    seconds = ("commit_seconds", "seal_seconds", "delivery_seconds", "close_seconds")
    after = ("challenge_seconds", "answer_seconds", "max_charged_aborts")
    broken += [name for name in positive + seconds + after if getattr(terms, name) == 0]
    if terms.clipping_norm > MAX_CLIPPING_NORM:
        broken.append("clipping_norm")
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
        or after.challenge_seconds < before.challenge_seconds
        or after.answer_seconds > before.answer_seconds
        or not set(after.sites) <= set(before.sites)
    )


def is_same_version(state: StudyState, facts: RoundFacts) -> bool:
    """Whether the study is usable and still of the version that a round was opened under."""
    standing = state.standing
    usable = standing is not None and state.is_usable
    return usable and standing is not None and standing.current_version == facts.opened.version


def is_current(
    state: StudyState, facts: RoundFacts, terms: Terms, committing: Committing | None
) -> bool:
    """Whether a site's newest commitment may be sealed, or closed, as of ``state``
    (Rounds._isCurrent).

    It is when no consent was withdrawn at the site since; under Proceed, from the commit deadline
    on, withdrawals later than that second do not count.
    """
    if committing is None:
        return False
    if committing.commitment.epoch == state.epoch(committing.site):
        return True
    deadline = facts.opened.commit_deadline
    proceeds = terms.late_revocation == LateRevocation.PROCEED and state.time >= deadline
    return proceeds and state.epoch_moved_at(committing.site) > deadline


def contributors(state: StudyState, facts: RoundFacts, terms: Terms, moment: Moment) -> list[str]:
    """The sites that a seal at ``moment`` must find, in the order of the terms."""
    newest = {c.site: c for c in facts.commitments if c.moment.position < moment.position}
    return [
        site
        for site in terms.sites
        if not state.barred_for(site) and is_current(state, facts, terms, newest.get(site))
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
    if not all(is_current(state, facts, terms, entry) for entry in sealed):
        return AbortReason.CONSENT_CHANGED
    return AbortReason.COORDINATOR
