"""Cohorts that sites have disclosed to a reviewer: the tree of the commitment, leaf by leaf."""

from __future__ import annotations

from collections.abc import Sequence

from audit.admission import statuses_at
from audit.checks.context import Context
from audit.cohort import Status
from audit.consent_state import StudyState
from audit.disclosure import Disclosure
from audit.fields import hex_of
from audit.round_state import Committing, RoundFacts
from chain.messages import token_id

_SHOWN = 5


def check_disclosures(context: Context, disclosures: Sequence[Disclosure]) -> None:
    """For each adds `cohort.commitment`, `cohort.root`, `cohort.size` and `cohort.leaves`."""
    for disclosure in disclosures:
        place = (
            f"round {disclosure.round_number}, site {disclosure.site}, attempt {disclosure.attempt}"
        )
        with context.record.group("cohort", place):
            _check(context, disclosure, place)


def _check(context: Context, disclosure: Disclosure, place: str) -> None:
    record, state = context.record, context.state
    contracts = context.bundle.contracts
    ours = (contracts.chain_id, contracts.ledger, context.study)
    found = None
    if state is not None and ours == (disclosure.chain_id, disclosure.ledger, disclosure.study):
        found = _commitment(state, disclosure)
    detail = "the ledger took this commitment"
    if found is None:
        detail = "the bundle has no such commitment: it is of another study, round, site or attempt"
    record.need("cohort.commitment", place, found is not None, detail)
    if state is None or found is None:
        return
    facts, committing = found
    commitment, made = committing.commitment, disclosure.root
    same = made == commitment.cohort_root
    detail = f"{len(disclosure.leaves)} leaves hash to {hex_of(made)}"
    if not same:
        detail += f", the commitment says {hex_of(commitment.cohort_root)}: they were changed since"
    record.need("cohort.root", place, same, detail)
    admitted = sum(status is Status.ADMITTED for status, _ in disclosure.leaves)
    size = commitment.cohort_size
    detail = f"{admitted} leaves are admitted, the commitment counts {size}"
    record.add("cohort.size", place, admitted == size, detail)
    _check_leaves(context, state, facts, committing, disclosure, place)


def _commitment(state: StudyState, disclosure: Disclosure) -> tuple[RoundFacts, Committing] | None:
    facts = state.history.rounds.get(disclosure.round_number)
    for committing in facts.commitments if facts else ():
        if (committing.site, committing.commitment.attempt) == (
            disclosure.site,
            disclosure.attempt,
        ):
            return (facts, committing) if facts else None
    return None


def _check_leaves(
    context: Context,
    state: StudyState,
    facts: RoundFacts,
    committing: Committing,
    disclosure: Disclosure,
    place: str,
) -> None:
    """Every token's status is what the consent predicate says at the block that the site named.

    A bundle does not tell that block's time, only that it lies between the newest event up to it
    and the commitment: where the two ends say otherwise of a token, the site may say either.
    """
    terms = state.history.versions[facts.opened.version].terms
    site, block = disclosure.site, committing.commitment.block_number
    until = facts.opened.close_deadline
    earliest = statuses_at(state.state_at(block), site, terms, until)
    latest = statuses_at(state.state_at(block, committing.moment.time), site, terms, until)
    stated = [status for status, _ in disclosure.leaves]
    wrong = [
        f"token {token_id(context.study, site, index)}: {said.name.lower()}, by the consents on"
        f" chain {first.name.lower()}"
        for index, (said, first, last) in enumerate(zip(stated, earliest, latest, strict=False))
        if said not in (first, last)
    ]
    detail = f"{len(stated)} tokens, each as the consents on chain at block {block} say"
    if len(stated) != len(earliest):
        detail = f"{len(stated)} leaves, {len(earliest)} tokens were there at block {block}"
    elif wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        detail = "; ".join(wrong[:_SHOWN]) + more
    holds = not wrong and len(stated) == len(earliest)
    context.record.add("cohort.leaves", place, holds, detail)
