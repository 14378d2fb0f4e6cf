"""From a study's replayed state to what is told of it. Asks neither chain nor database."""

from __future__ import annotations

from api.blocks import BlockShown
from api.index.values import struct_values
from api.problems import NotFound
from api.studies.models import (
    Approval,
    PrivacySpending,
    Sentence,
    SiteOfStudy,
    StudyShown,
    StudyStanding,
    StudySummary,
    VersionSummary,
)
from audit.consent_state import StudyState
from audit.history import VersionFacts
from audit.spending import newest_terms, spending
from chain.messages import Terms
from study.data_use_text import describe_conditions, describe_disease, describe_purposes
from study.terms_text import describe_terms


def summary_of(state: StudyState) -> StudySummary:
    """A study as one line of a list, by the terms in force or first proposed."""
    terms = newest_terms(state)
    return StudySummary(
        study_id=state.history.study_id,
        disease=describe_disease(terms.disease),
        purposes=describe_purposes(terms.purposes),
        undertakings=describe_conditions(terms.purposes),
        sites=list(terms.sites),
        standing=standing_of(state),
    )


def standing_of(state: StudyState) -> StudyStanding:
    """Where a study stands at the state's time."""
    standing = state.standing
    return StudyStanding(
        usable=bool(standing and standing.current_version and state.is_usable),
        version=standing.current_version if standing else 0,
        consent_version=standing.consent_version if standing else 0,
        suspended=standing.suspended if standing else False,
        suspensions=standing.suspensions if standing else 0,
        approved_until=standing.approved_until if standing else 0,
    )


def study_shown(state: StudyState, as_of: BlockShown) -> StudyShown:
    """Everything that is told of one study."""
    history, terms = state.history, newest_terms(state)
    return StudyShown(
        study_id=history.study_id,
        sponsor=str(history.sponsor),
        reviewers=list(state.reviewers),
        threshold=history.threshold,
        standing=standing_of(state),
        terms_version=version_to_show(state),
        terms_in_words=_in_words(terms),
        terms=struct_values(terms),
        sites=[_site_of(state, site) for site in terms.sites],
        versions=[_version_of(facts) for facts in history.versions.values()],
        privacy=PrivacySpending.model_validate(spending(state).to_json()),
        as_of=as_of,
    )


def version_to_show(state: StudyState) -> int:
    """The version in force, or the first while none is."""
    standing = state.standing
    return standing.current_version if standing and standing.current_version else 1


def facts_of(state: StudyState, version: int) -> VersionFacts:
    """What is known of a version. Raises NotFound."""
    facts = state.history.versions.get(version)
    if facts is None:
        raise NotFound(f"study {state.history.study_id} has no version {version}")
    return facts


def _in_words(terms: Terms) -> list[Sentence]:
    return [Sentence(subject=subject, text=text) for subject, text in describe_terms(terms, "")]


def _site_of(state: StudyState, site: str) -> SiteOfStudy:
    registered = state.history.sites.get(site)
    return SiteOfStudy(
        address=site,
        enrolment_key=registered[-1].enrolment_key if registered else None,
        barred_for=state.barred_for(site),
        tokens_granted=state.minted_count(site),
        tokens_not_revoked=state.unburned_count(site),
    )


def _version_of(facts: VersionFacts) -> VersionSummary:
    return VersionSummary(
        version=facts.version,
        terms_hash="0x" + facts.terms_hash.hex(),
        proposed_at=facts.proposed.time,
        activated_at=facts.activated.time if facts.activated else None,
        consent_version=facts.consent_version,
        approvals=[
            Approval(reviewer=one.reviewer, expires_at=one.expires_at, approved_at=one.moment.time)
            for one in facts.approvals
        ],
    )
