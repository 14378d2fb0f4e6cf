"""What a study has done, from the index alone: one replay, no question to the node."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from api.blocks import BlockShown
from api.index.state import study_state
from api.review.bundling import repository as bundles
from api.review.bundling.models import block_of
from api.review.bundling.tables import BundleJob
from api.review.record_models import (
    LastReport,
    PrivacySpent,
    QuestionToSite,
    ReviewedRound,
    ReviewerStanding,
    StudyRecord,
)
from api.review.verification import WORDS, RoundVerdict, failed_of_study, verdicts
from audit.consent_state import StudyState
from audit.history import ChallengeFacts
from audit.round_state import RoundFacts
from audit.spending import spending
from audit.times import moment

#: Rounds that are told in full; a page of them is told elsewhere.
ROUNDS_TOLD = 200


def study_record(database: Session, study_id: int, as_of: BlockShown) -> StudyRecord:
    """As of the newest indexed block, with the newest report of a bundle.

    Raises:
        NotFound: there is no such study.
    """
    state = study_state(database, study_id)
    history, standing = state.history, state.standing
    ruling = standing.current_version if standing and standing.current_version else 0
    version = ruling or max(history.versions)
    job = bundles.newest_verified(database, study_id)
    report = None if job is None else job.report
    judged = verdicts(state, report)
    numbers = sorted(history.rounds, reverse=True)[:ROUNDS_TOLD]
    most = history.versions[version].terms.max_charged_aborts
    return StudyRecord(
        study_id=study_id,
        as_of=as_of,
        status=_status(state, ruling),
        suspended=bool(standing and standing.suspended),
        version=version,
        approved_until=standing.approved_until if standing and ruling else None,
        threshold=history.threshold,
        committee=[
            _seat(reviewer, history.versions[version].expiry_of(reviewer), state.time)
            for reviewer in state.reviewers
        ],
        privacy=_privacy(state),
        charged_aborts=state.charged_aborts(),
        charged_aborts_left=max(0, most - state.charged_aborts()),
        barred={site: state.barred_for(site) for site in history.bars if state.barred_for(site)},
        questions=[_question(one, state.time) for one in history.challenges.values()],
        rounds=[_round(history.rounds[number], judged[number]) for number in numbers],
        rounds_in_all=len(history.rounds),
        last_report=None if job is None else next(_last_report(job), None),
    )


def _status(state: StudyState, ruling: int) -> str:
    standing = state.standing
    if standing is None or ruling == 0:
        return "not approved yet"
    if standing.suspended:
        return "suspended by a reviewer"
    if state.time >= standing.approved_until:
        return f"approval expired, version {ruling}"
    return f"in force, version {ruling}"


def _seat(reviewer: str, until: int, now: int) -> ReviewerStanding:
    words = "has not approved it"
    if until:
        words = f"{'until' if until > now else 'expired on'} {moment(until)}"
    return ReviewerStanding(reviewer=reviewer, approved_until=until, words=words)


def _privacy(state: StudyState) -> PrivacySpent:
    spent = spending(state)
    return PrivacySpent(
        rho_spent=str(spent.rho_spent),
        rho_ceiling=str(spent.rho_ceiling),
        epsilon=spent.epsilon,
        epsilon_ceiling=spent.epsilon_ceiling,
        delta=spent.delta,
        charged_rounds=spent.charged,
        rounds_left=spent.rounds_left,
        words=(
            f"rho {spent.rho_spent / 1e18:.6f} of {spent.rho_ceiling / 1e18:.6f}, epsilon"
            f" {spent.epsilon:.3g} of {spent.epsilon_ceiling:.3g} at delta {spent.delta:.1g}; room"
            f" for {spent.rounds_left} more rounds. Abandoned sealed rounds are charged too."
        ),
    )


def _question(asked: ChallengeFacts, now: int) -> QuestionToSite:
    state = "answered" if asked.answered else "not answered" if asked.faulted else "waiting"
    if state == "waiting" and now >= asked.answer_by:
        state = "overdue"
    return QuestionToSite(
        round=asked.round,
        site=asked.site,
        asked_for=f"the receipt of token {asked.token_id}" if asked.token_id else "a replay",
        answer_by=asked.answer_by,
        state=state,
        answer_sha256="0x" + asked.answer_hash.hex() if asked.answer_hash else None,
    )


def _round(facts: RoundFacts, verdict: RoundVerdict) -> ReviewedRound:
    sealed = facts.sealed
    return ReviewedRound(
        number=facts.number,
        state=facts.state.name.lower(),  # type: ignore[arg-type]
        version=facts.opened.version,
        opened_at=facts.opened_at.time,
        close_deadline=facts.opened.close_deadline,
        members=list(sealed.members) if sealed else [],
        patients=sum(one.commitment.cohort_size for one in facts.sealed_commitments()),
        rho=str(sealed.rho) if sealed else "0",
        reason=facts.aborted.reason.name.lower().replace("_", "-") if facts.aborted else None,
        verified=verdict.state,
        verified_words=WORDS[verdict.state],
        failed=list(verdict.failed),
        faults=list(verdict.faults),
        recomputed=verdict.recomputed,
        attested=verdict.attested,
        pending=verdict.pending,
    )


def _last_report(job: BundleJob) -> Iterator[LastReport]:
    block = block_of(job)
    if job.report is None or block is None:
        return
    wrong = sorted({one["name"] for one in failed_of_study(job.report)})
    yield LastReport(
        bundle_id=job.id,
        block=block,
        failed_of_study=wrong,
        words=(
            f"Verified here up to block {block.number}. This service is no authority: download"
            " the bundle and run `assent verify bundle --trust-block HASH --deployment FILE`, with"
            " the hash of that block as two sites' own nodes have it, and their deployment file."
        ),
    )
