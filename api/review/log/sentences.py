"""One sentence in plain words for each event of the contracts. Pure."""

from __future__ import annotations

from audit.times import moment
from chain.events import (
    Aborted,
    Answered,
    ApprovalExtended,
    Approved,
    Barred,
    Challenged,
    Closed,
    Committed,
    DeliveryRecorded,
    EnrolmentKeyRotated,
    Event,
    Faulted,
    Granted,
    Opened,
    Readmitted,
    Resumed,
    ReviewerReplaced,
    Revoked,
    RolledBack,
    Sealed,
    SiteRegistered,
    StudyProposed,
    SuccessorRecorded,
    Suspended,
    VersionActivated,
    VersionProposed,
)
from chain.messages import AbortReason, split_token_id

_WHY_ABORTED = {
    AbortReason.COORDINATOR: "the coordinator ended it",
    AbortReason.SEAL_DEADLINE_PASSED: "it was not sealed in time",
    AbortReason.CLOSE_DEADLINE_PASSED: "it was not closed in time",
    AbortReason.CONSENT_CHANGED: "a consent that it used was withdrawn",
    AbortReason.STUDY_CHANGED: "another version of the study came into force",
}


def sentence(event: Event) -> str:
    """What an event says, for a reader who knows neither the contracts nor their names."""
    match event:
        case Granted() | Revoked():
            return _of_consent(event)
        case Opened() | Committed() | Sealed() | Closed() | Aborted() | DeliveryRecorded():
            return _of_round(event)
        case Barred() | Readmitted() | Challenged() | Answered() | Faulted():
            return _of_duty(event)
        case RolledBack():
            return _of_rollback(event)
        case _:
            return _of_registry(event)


def _of_registry(event: Event) -> str:
    match event:
        case StudyProposed(sponsor=sponsor, reviewers=reviewers, threshold=threshold):
            return (
                f"{sponsor} proposed the study; {threshold} of {len(reviewers)} reviewers have to"
                " approve it."
            )
        case VersionProposed(version=version, terms=terms):
            return (
                f"The sponsor proposed version {version} of the terms, for {_sites(terms.sites)}."
            )
        case Approved(version=version, reviewer=reviewer, expires_at=until):
            return f"Reviewer {reviewer} approved version {version} until {moment(until)}."
        case VersionActivated(version=version, consent_version=consent, approved_until=until):
            kept = (
                "patients have to consent anew"
                if consent == version and version > 1
                else f"consents given under version {consent} or later count"
            )
            return f"Version {version} came into force until {moment(until)}; {kept}."
        case ApprovalExtended(version=version, approved_until=until):
            return f"The approval of version {version} was extended until {moment(until)}."
        case ReviewerReplaced(outgoing=outgoing, incoming=incoming):
            return f"{incoming} took the committee seat of {outgoing}."
        case Suspended(reviewer=reviewer):
            return (
                f"Reviewer {reviewer} suspended the study: no round goes on and no consent counts."
            )
        case Resumed():
            return "Enough reviewers let the study go on."
        case SiteRegistered(site=site):
            return f"Site {site} registered."
        case EnrolmentKeyRotated(site=site):
            return (
                f"Site {site} replaced its enrolment key: enrolments that were not used are void."
            )
        case SuccessorRecorded(successor=successor):
            return f"New studies go to the registry {successor}."
    raise TypeError(f"no sentence for {type(event).__name__}")


def _of_consent(event: Granted | Revoked) -> str:
    if isinstance(event, Granted):
        grant = event.grant
        return (
            f"Token {event.token_id}: {grant.holder} consented to version {event.version} at site"
            f" {grant.site}, from {moment(grant.use_start)} until before {moment(grant.use_end)}."
        )
    _, site, _ = split_token_id(event.token_id)
    return (
        f"Token {event.token_id}: {event.holder} withdrew their consent at site {site}; that was"
        f" ending number {event.epoch} there."
    )


def _of_round(event: Event) -> str:
    match event:
        case Opened(round=number, version=version, commit_deadline=commit, close_deadline=close):
            return (
                f"Round {number} opened under version {version}: sites commit until"
                f" {moment(commit)}, and it has to close before {moment(close)}."
            )
        case Committed(round=number, site=site, commitment=commitment):
            again = "" if commitment.attempt == 1 else f", attempt {commitment.attempt}"
            return (
                f"Round {number}: site {site} committed to {commitment.cohort_size} patients as of"
                f" block {commitment.block_number}{again}."
            )
        case Sealed(round=number, members=members, rho=rho, rho_spent=spent):
            return (
                f"Round {number} was sealed with {_sites(members)} and charged rho"
                f" {rho / 1e18:.6f}; {spent / 1e18:.6f} is spent in all."
            )
        case Closed(round=number, checkpoint_hash=checkpoint):
            return f"Round {number} closed with the checkpoint of SHA-256 0x{checkpoint.hex()}."
        case Aborted(round=number, reason=reason):
            return f"Round {number} was abandoned: {_WHY_ABORTED[reason]}."
        case DeliveryRecorded(round=number, site=site):
            return f"Round {number}: site {site} put its delivery on record."
    raise TypeError(f"no sentence for {type(event).__name__}")


def _of_duty(event: Barred | Readmitted | Challenged | Answered | Faulted) -> str:
    number, site = event.round, event.site
    if isinstance(event, Barred):
        return (
            f"Site {site} was barred for round {number}, for the {_ordinal(event.times)} time; it"
            " takes no part until a reviewer readmits it."
        )
    if isinstance(event, Readmitted):
        return (
            f"Reviewer {event.reviewer} readmitted site {site}, which was barred for round"
            f" {number}."
        )
    asked = f"the receipt of token {event.token_id}" if event.token_id else "a replay"
    match event:
        case Challenged(answer_by=until):
            return (
                f"Site {site} was asked for {asked} of round {number}; it has to answer before"
                f" {moment(until)}."
            )
        case Answered(answer_hash=answer):
            return (
                f"Site {site} answered for {asked} of round {number} with SHA-256 0x{answer.hex()}."
            )
        case _:
            return f"Site {site} did not answer in time for {asked} of round {number}."


def _of_rollback(event: RolledBack) -> str:
    base = f"the checkpoint of round {event.to_round}" if event.to_round else "the first checkpoint"
    return (
        f"Enough reviewers let the study go back to {base}; what rounds {event.to_round + 1} to"
        f" {event.from_round} made is retired."
    )


def _sites(sites: tuple[str, ...]) -> str:
    return "1 site" if len(sites) == 1 else f"{len(sites)} sites"


def _ordinal(count: int) -> str:
    if count % 100 in (11, 12, 13):
        return f"{count}th"
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(count % 10, 'th') }"
