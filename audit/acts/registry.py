"""Events of StudyRegistry: sites, studies, committees, approvals, suspensions, the successor."""

from __future__ import annotations

import dataclasses
from typing import Any

from audit.acts.refusal import refuse, require
from audit.history import ApprovalFact, Committee, History, SiteFacts, Standing, VersionFacts
from audit.round_state import Moment
from audit.rules import MAX_APPROVAL_SECONDS, MAX_REVIEWERS, needs_fresh_consent
from chain import events as ev
from chain.messages import terms_hash


def site_registered(history: History, event: ev.SiteRegistered, moment: Moment) -> None:
    require(event.site not in history.sites, f"site {event.site} is registered twice")
    keys = int(event.enrolment_key, 16) != 0 and any(event.noise_secret_hash)
    require(keys, f"site {event.site} lacks a key")
    facts = SiteFacts(event.site, event.enrolment_key, event.noise_secret_hash, moment)
    history.sites[event.site] = [facts]


def key_rotated(history: History, event: ev.EnrolmentKeyRotated, moment: Moment) -> None:
    known = history.sites.get(event.site, [])
    require(bool(known), f"site {event.site} is not registered")
    require(int(event.enrolment_key, 16) != 0, f"site {event.site} lacks a key")
    secret_hash = known[-1].noise_secret_hash
    known.append(SiteFacts(event.site, event.enrolment_key, secret_hash, moment))


def successor_recorded(history: History, event: ev.SuccessorRecorded, moment: Moment) -> None:
    require(history.successor is None, "a second successor is recorded")
    require(int(event.successor, 16) != 0, "the successor is nobody")
    history.successor = event.successor


def study_proposed(history: History, event: ev.StudyProposed, moment: Moment) -> None:
    require(history.sponsor is None, "the study is proposed twice")
    require(history.successor is None, "new studies go to the successor")
    reviewers = event.reviewers
    distinct = len(set(reviewers)) == len(reviewers) <= MAX_REVIEWERS
    somebody = all(int(reviewer, 16) for reviewer in reviewers)
    valid = distinct and somebody and event.sponsor not in reviewers
    require(valid, "the committee is not valid")
    require(2 <= event.threshold <= len(reviewers), "the threshold is not valid")
    history.sponsor = event.sponsor
    history.committees.append(Committee(moment, reviewers))
    history.threshold = event.threshold


def version_proposed(history: History, event: ev.VersionProposed, moment: Moment) -> None:
    require(history.sponsor is not None, "the study is not proposed yet")
    require(event.version == len(history.versions) + 1, "it is not the next version")
    require(event.terms_hash == terms_hash(event.terms), "the terms have another hash")
    coordinator = event.terms.coordinator
    require(coordinator not in history.reviewers, "its coordinator is a reviewer")
    history.versions[event.version] = VersionFacts(
        event.version, event.terms, event.terms_hash, moment
    )


def approved(history: History, event: ev.Approved, moment: Moment) -> None:
    version = history.versions.get(event.version)
    if version is None or event.version not in (history.current_version, len(history.versions)):
        refuse(f"version {event.version} is neither in force nor the newest")
    require(event.reviewer in history.reviewers, f"{event.reviewer} is not a reviewer")
    ahead = event.expires_at - moment.time
    require(0 < ahead <= MAX_APPROVAL_SECONDS, "the approval's expiry is out of bounds")
    later = event.expires_at > version.expiry_of(event.reviewer)
    require(later, f"{event.reviewer} approves no longer than before")
    version.approvals.append(
        ApprovalFact(event.reviewer, event.expires_at, event.signer, event.signature, moment)
    )
    history.due = _consequence(history, version, moment)


def _consequence(history: History, version: VersionFacts, moment: Moment) -> ev.Event | None:
    """What the registry emits after an approval (`StudyRegistry._count`)."""
    until = version.approved_until(history.reviewers, history.threshold)
    number, study = version.version, history.study_id
    if until <= moment.time:
        return None
    last = history.standings[-1] if history.standings else Standing(moment)
    if number == last.current_version:
        extends = until > last.approved_until
        return ev.ApprovalExtended(study, number, until) if extends else None
    current = history.versions.get(last.current_version)
    fresh = needs_fresh_consent(current.terms if current else None, version.terms)
    return ev.VersionActivated(study, number, number if fresh else last.consent_version, until)


def activated(history: History, event: ev.VersionActivated, moment: Moment) -> None:
    version = history.versions[event.version]
    version.activated = moment
    version.consent_version = event.consent_version
    _stand(
        history,
        moment,
        current_version=event.version,
        consent_version=event.consent_version,
        approved_until=event.approved_until,
        disease=version.terms.disease,
    )


def extended(history: History, event: ev.ApprovalExtended, moment: Moment) -> None:
    _stand(history, moment, approved_until=event.approved_until)


def reviewer_replaced(history: History, event: ev.ReviewerReplaced, moment: Moment) -> None:
    seats, incoming = history.reviewers, event.incoming
    require(event.outgoing in seats, f"{event.outgoing} is not a reviewer")
    judged = {history.sponsor} | {
        history.versions[number].terms.coordinator
        for number in (history.current_version, len(history.versions))
        if number in history.versions
    }
    suitable = int(incoming, 16) != 0 and incoming not in seats and incoming not in judged
    require(suitable, f"{incoming} may not review")
    require(event.replacements == history.replacements + 1, "it is not the next replacement")
    after = tuple(incoming if seat == event.outgoing else seat for seat in seats)
    history.committees.append(Committee(moment, after))


def suspended(history: History, event: ev.Suspended, moment: Moment) -> None:
    require(event.reviewer in history.reviewers, f"{event.reviewer} is not a reviewer")
    last = history.standings[-1] if history.standings else Standing(moment)
    require(not last.suspended, "the study is suspended already")
    require(event.suspensions == last.suspensions + 1, "it is not the next suspension")
    by, number = event.reviewer, event.suspensions
    _stand(history, moment, suspended=True, suspensions=number, suspended_by=by)


def resumed(history: History, event: ev.Resumed, moment: Moment) -> None:
    last = history.standings[-1] if history.standings else Standing(moment)
    require(last.suspended, "the study is not suspended")
    require(event.suspensions == last.suspensions, "it resumes another suspension")
    _stand(history, moment, suspended=False)


def _stand(history: History, moment: Moment, **changes: Any) -> None:
    # a study can be suspended before its first version is in force
    last = history.standings[-1] if history.standings else Standing(moment)
    history.standings.append(dataclasses.replace(last, moment=moment, **changes))
