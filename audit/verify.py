"""Verifies a whole study offline: everything a round used or made, against one block hash.

No network, no torch, no flwr. Whatever the bundle holds, `verify` returns a Report; a folder that
is no bundle raises BundleUnusable when read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from audit.bundle import Bundle, read_bundle
from audit.checks.cohorts import check_disclosures
from audit.checks.context import Context
from audit.checks.contracts import (
    check_anchor,
    check_contracts,
    check_deployment,
    check_number,
)
from audit.checks.documents import check_documents
from audit.checks.duties import check_duties
from audit.checks.files import check_files
from audit.checks.history import check_history
from audit.checks.objects import check_references
from audit.checks.outcomes import check_outcomes
from audit.checks.replays import check_replays
from audit.checks.rollbacks import check_rollbacks
from audit.checks.rounds import check_rounds
from audit.checks.study import check_study
from audit.checks.withdrawals import check_withdrawals
from audit.consent_state import StudyState
from audit.disclosure import Disclosure
from audit.manifest import Contracts
from audit.replays import SignedReplay
from audit.report import Check, Report, RoundSummary, Seats
from audit.spending import charges, spending

_GROUPS: tuple[tuple[str, Callable[[Context], None]], ...] = (
    ("files", check_files),
    ("contracts", check_contracts),
    ("history", check_history),
    ("study", check_study),
    ("documents", check_documents),
    ("rounds", check_rounds),
    ("rollbacks", check_rollbacks),
    ("duties", check_duties),
    ("withdrawals", check_withdrawals),
    ("outcomes", check_outcomes),
    ("references", check_references),
)


def verify(
    bundle: Bundle,
    trust_block: bytes | None = None,
    disclosures: Sequence[Disclosure] = (),
    replays: Sequence[SignedReplay] = (),
    contracts: Contracts | None = None,
    study: int | None = None,
) -> Report:
    """Check everything in a bundle.

    ``trust_block``: the 32-byte hash of the block that the reader trusts, best learned from two
    sites; without it the `anchor` check fails and the others still run. ``disclosures``: cohorts
    that sites have shown to a reviewer. ``replays``: what sites report of replays. ``contracts``:
    those that the reader knows the study to live in; without them the report says that the
    bundle's own were compared with none. ``study``: its number there, where the reader names it.
    """
    context = _begun(bundle, trust_block, contracts, study)
    for name, check in _GROUPS:
        with context.record.group(name, "bundle"):
            check(context)
    with context.record.group("cohort", "disclosures"):
        check_disclosures(context, disclosures)
    with context.record.group("replay", "replays"):
        check_replays(context, replays)
    rounds: tuple[RoundSummary, ...] = ()
    privacy = None
    with context.record.group("budget.storage", "epsilon"):
        if context.state is not None and context.state.history.versions:
            rounds, privacy = _summaries(context.state), spending(context.state)
    anchored = any(check.name == "anchor" and check.ok for check in context.record.checks)
    return Report(
        study=bundle.study,
        contracts=bundle.contracts,
        compared=contracts is not None,
        committee=_committee(context.state),
        block_number=bundle.block_number,
        block_hash=bundle.block_hash,
        block_time=context.header.timestamp if context.header else None,
        trusted=anchored,
        checks=context.record.checks,
        failed=tuple(context.record.failed),
        faults=tuple(context.record.faults),
        rounds=rounds,
        withdrawals=context.withdrawals,
        privacy=privacy,
    )


def prove_history(
    bundle: Bundle,
    trust_block: bytes | None,
    contracts: Contracts | None = None,
    study: int | None = None,
) -> tuple[StudyState | None, tuple[Check, ...]]:
    """The study's history alone, for a question about one act in it: what the trusted block's
    storage proves that happened, and the checks that show it. Believe it when all of them hold.

    ``contracts``, ``study``: as `verify` takes them.
    """
    context = _begun(bundle, trust_block, contracts, study)
    for name, check in (("contracts", check_contracts), ("history", check_history)):
        with context.record.group(name, "bundle"):
            check(context)
    return context.state, tuple(context.record.checks)


def verify_folder(
    path: Path,
    trust_block: bytes | None = None,
    disclosures: Sequence[Disclosure] = (),
    replays: Sequence[SignedReplay] = (),
    contracts: Contracts | None = None,
    study: int | None = None,
) -> Report:
    """`read_bundle` of a folder or of one file, then `verify`. Raises BundleUnusable."""
    return verify(read_bundle(path), trust_block, disclosures, replays, contracts, study)


def _begun(
    bundle: Bundle, trust_block: bytes | None, contracts: Contracts | None, study: int | None
) -> Context:
    """What ties a bundle to what its reader knows from elsewhere: block, deployment and study."""
    context = Context(bundle)
    with context.record.group("anchor", "chain/header.rlp"):
        check_anchor(context, trust_block)
    if contracts is not None:
        check_deployment(context, contracts)
    if study is not None:
        check_number(context, study)
    return context


def _committee(state: StudyState | None) -> Seats | None:
    if state is None or not state.reviewers:
        return None
    return Seats(state.reviewers, state.history.threshold)


def _summaries(state: StudyState) -> tuple[RoundSummary, ...]:
    charged = {charge.number: charge for charge in charges(state)}
    return tuple(
        RoundSummary(
            number=facts.number,
            state=facts.state.name.lower(),
            retired=state.is_retired(facts.number),
            version=facts.opened.version,
            members=facts.sealed.members if facts.sealed else (),
            cohort=sum(entry.commitment.cohort_size for entry in facts.sealed_commitments()),
            charge=charged.get(facts.number),
            reason=facts.aborted.reason.name.lower() if facts.aborted else "",
        )
        for facts in state.history.rounds.values()
    )
