"""What a site would report of a replay that came out bit for bit."""

from __future__ import annotations

from audit.bundle import Bundle
from audit.consent_state import StudyState
from audit.replays import ReplayReport
from tests.audit.real_study import ENVIRONMENT


def replayed(bundle: Bundle, state: StudyState, number: int, site: str) -> ReplayReport:
    """Of a site's part of a closed round of a `RealStudy`."""
    facts = state.history.rounds[number]
    assert facts.sealed is not None
    assert facts.closed is not None
    commitment = facts.newest_commitments()[site].commitment
    masked = facts.closed.masked_hashes[facts.sealed.members.index(site)]
    return ReplayReport(
        chain_id=bundle.contracts.chain_id,
        ledger=bundle.contracts.ledger,
        study=bundle.study,
        round_number=number,
        site=site,
        attempt=commitment.attempt,
        then=dict(ENVIRONMENT),
        now=dict(ENVIRONMENT),
        committed=commitment.vector_hash,
        recomputed=commitment.vector_hash,
        delivered=masked,
        masked=masked,
        missing="",
        differences=(),
        replayed_at=1_767_225_600,
    )
