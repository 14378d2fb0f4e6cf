"""Events in, history out: refuses any sequence that the contracts cannot have emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from audit.consent_state import (
    ApprovalFact,
    History,
    SiteFacts,
    Standing,
    Token,
    VersionFacts,
)
from audit.errors import HistoryInvalid
from audit.round_state import Committing, Moment, RoundFacts
from chain import events as ev
from chain.messages import RoundState, split_token_id, terms_hash, token_id


def replay(records: Iterable[ev.EventRecord], study_id: int) -> History:
    """The history of one study. Raises HistoryInvalid, naming the event."""
    history = History(study_id)
    for position, record in enumerate(records):
        moment = Moment(position, record.block_number, record.block_timestamp)
        try:
            _check_order(history, moment)
            event = ev.decode(record)
            _require(event.study_id in (0, study_id), f"it belongs to study {event.study_id}")
            _HANDLERS[type(event)](history, event, moment)
        except (HistoryInvalid, ev.UndecodableEvent) as error:
            name = f"event {position} ({record.contract}, block {record.block_number})"
            raise HistoryInvalid(f"{name}: {error}") from error
        history.moments.append(moment)
    return history


def _refuse(why: str) -> NoReturn:
    raise HistoryInvalid(why)


def _require(holds: bool, why: str) -> None:
    if not holds:
        _refuse(why)


def _check_order(history: History, moment: Moment) -> None:
    if not history.moments:
        return
    last = history.moments[-1]
    _require(moment.block >= last.block, "its block comes before the previous event's")
    _require(moment.time >= last.time, "its time comes before the previous event's")
    if moment.block == last.block:
        _require(moment.time == last.time, "its block has another time in the previous event")


def _site_registered(history: History, event: ev.SiteRegistered, moment: Moment) -> None:
    _require(event.study_id == 0, "sites are registered for the whole registry")
    known = any(entry.site == event.site for entry in history.sites)
    _require(not known, f"site {event.site} is registered twice")
    history.sites.append(
        SiteFacts(event.site, event.enrolment_key, event.noise_secret_hash, moment)
    )


def _key_rotated(history: History, event: ev.EnrolmentKeyRotated, moment: Moment) -> None:
    known = [entry for entry in history.sites if entry.site == event.site]
    _require(bool(known), f"site {event.site} is not registered")
    secret_hash = known[-1].noise_secret_hash
    history.sites.append(SiteFacts(event.site, event.enrolment_key, secret_hash, moment))


def _study_proposed(history: History, event: ev.StudyProposed, moment: Moment) -> None:
    _require(history.sponsor is None, "the study is proposed twice")
    distinct = len(set(event.reviewers)) == len(event.reviewers)
    _require(distinct and event.sponsor not in event.reviewers, "the committee is not valid")
    _require(1 <= event.threshold <= len(event.reviewers), "the threshold is not valid")
    history.sponsor = event.sponsor
    history.reviewers = event.reviewers
    history.threshold = event.threshold


def _version_proposed(history: History, event: ev.VersionProposed, moment: Moment) -> None:
    _require(history.sponsor is not None, "the study is not proposed yet")
    _require(event.version == len(history.versions) + 1, "it is not the next version")
    _require(event.terms_hash == terms_hash(event.terms), "the terms have another hash")
    history.versions[event.version] = VersionFacts(
        event.version, event.terms, event.terms_hash, moment
    )


def _approved(history: History, event: ev.Approved, moment: Moment) -> None:
    version = history.versions.get(event.version)
    if version is None or event.version != len(history.versions) or version.activated:
        _refuse(f"version {event.version} is not pending")
    _require(event.reviewer in history.reviewers, f"{event.reviewer} is not a reviewer")
    before = [approval.reviewer for approval in version.approvals]
    _require(event.reviewer not in before, f"{event.reviewer} approves twice")
    version.approvals.append(ApprovalFact(event.reviewer, event.signer, event.signature, moment))


def _activated(history: History, event: ev.VersionActivated, moment: Moment) -> None:
    version = history.versions.get(event.version)
    if version is None or version.activated:
        _refuse(f"version {event.version} is not pending")
    _require(
        len(version.approvals) == history.threshold, "it has not exactly the approvals it needs"
    )
    version.activated = moment
    version.consent_version = event.consent_version
    suspended = bool(history.standings) and history.standings[-1].suspended
    history.standings.append(Standing(moment, event.version, event.consent_version, suspended))


def _set_suspended(history: History, moment: Moment, suspended: bool) -> None:
    # a study can be suspended before its first version is in force
    last = history.standings[-1] if history.standings else Standing(moment, 0, 0, False)
    _require(last.suspended != suspended, "the study already stands so")
    history.standings.append(
        Standing(moment, last.current_version, last.consent_version, suspended)
    )


def _suspended(history: History, event: ev.Suspended, moment: Moment) -> None:
    _require(event.reviewer in history.reviewers, f"{event.reviewer} is not a reviewer")
    history.suspensions += 1
    _require(event.suspensions == history.suspensions, "it is not the next suspension")
    _set_suspended(history, moment, True)


def _resumed(history: History, event: ev.Resumed, moment: Moment) -> None:
    _require(event.suspensions == history.suspensions, "it resumes another suspension")
    _set_suspended(history, moment, False)


def _current_version(history: History) -> int:
    if not history.standings or history.standings[-1].suspended:
        _refuse("the study is not in force, or is suspended")
    version = history.standings[-1].current_version
    _require(version != 0, "the study is not in force")
    return version


def _granted(history: History, event: ev.Granted, moment: Moment) -> None:
    grant = event.grant
    version = _current_version(history)
    _require(event.version == version, f"version {event.version} is not in force")
    terms = history.versions[version].terms
    _require(grant.study_id == event.study_id, "the grant is for another study")
    _require(
        grant.terms_hash == history.versions[version].terms_hash, "the grant is for other terms"
    )
    _require(grant.consent_text_hash == terms.consent_text_hash, "another consent text")
    _require(grant.site in terms.sites, f"site {grant.site} is not in the study")
    _require(moment.time <= grant.deadline, "the grant came after its deadline")
    _require(grant.purposes != 0, "the grant names no purpose")
    periods = grant.use_start < grant.use_end and grant.data_start < grant.data_end
    _require(periods and grant.use_end > moment.time, "the grant's periods are not valid")
    tokens = history.tokens.setdefault(grant.site, [])
    expected = token_id(event.study_id, grant.site, len(tokens))
    _require(event.token_id == expected, f"the token is not the site's next ({expected})")
    record = (grant.site, event.record_tag)
    _require(record not in history.live_records, "the record has a live token already")
    history.live_records.add(record)
    index = len(tokens)
    tokens.append(Token(event.token_id, index, grant, event.version, event.record_tag, moment))


def _revoked(history: History, event: ev.Revoked, moment: Moment) -> None:
    _, site, index = split_token_id(event.token_id)
    tokens = history.tokens.get(site, [])
    if index >= len(tokens) or tokens[index].token_id != event.token_id:
        _refuse(f"token {event.token_id} was never granted")
    token = tokens[index]
    _require(token.revoked is None, f"token {event.token_id} is revoked twice")
    _require(event.holder == token.grant.holder, "the token has another holder")
    _require(
        event.revocation_counter > token.grant.revocation_counter,
        "the holder's counter did not rise",
    )
    revocations = history.revocations.setdefault(site, [])
    _require(event.epoch == len(revocations) + 1, "the epoch did not rise by one")
    token.revoked = moment
    history.live_records.discard((site, token.record_tag))
    revocations.append(moment)


def _opened(history: History, event: ev.Opened, moment: Moment) -> None:
    version = _current_version(history)
    _require(event.version == version, f"version {event.version} is not in force")
    _require(event.round == len(history.rounds) + 1, "it is not the next round")
    if history.rounds:
        state = history.rounds[event.round - 1].state
        ended = state in (RoundState.CLOSED, RoundState.ABORTED)
        _require(ended, "the round before is still running")
    history.rounds[event.round] = RoundFacts(event.round, event, moment)


def _round_in(history: History, number: int, *states: RoundState) -> RoundFacts:
    facts = history.rounds.get(number)
    if facts is None:
        _refuse(f"round {number} was never opened")
    _require(facts.state in states, f"round {number} is {facts.state.name.lower()}")
    return facts


def _committed(history: History, event: ev.Committed, moment: Moment) -> None:
    facts = _round_in(history, event.round, RoundState.OPEN)
    earlier = sum(committing.site == event.site for committing in facts.commitments)
    _require(event.commitment.attempt == earlier + 1, "it is not the site's next attempt")
    facts.commitments.append(Committing(moment, event.site, event.commitment))


def _sealed(history: History, event: ev.Sealed, moment: Moment) -> None:
    facts = _round_in(history, event.round, RoundState.OPEN)
    facts.sealed, facts.sealed_at = event, moment
    history.rho_spent += event.rho
    _require(event.rho_spent == history.rho_spent, "the rho spent is not the sum of all seals")


def _closed(history: History, event: ev.Closed, moment: Moment) -> None:
    facts = _round_in(history, event.round, RoundState.SEALED)
    facts.closed, facts.closed_at = event, moment


def _aborted(history: History, event: ev.Aborted, moment: Moment) -> None:
    facts = _round_in(history, event.round, RoundState.OPEN, RoundState.SEALED)
    facts.aborted, facts.aborted_at = event, moment


_HANDLERS: dict[type, Callable[[History, Any, Moment], None]] = {
    ev.SiteRegistered: _site_registered,
    ev.EnrolmentKeyRotated: _key_rotated,
    ev.StudyProposed: _study_proposed,
    ev.VersionProposed: _version_proposed,
    ev.Approved: _approved,
    ev.VersionActivated: _activated,
    ev.Suspended: _suspended,
    ev.Resumed: _resumed,
    ev.Granted: _granted,
    ev.Revoked: _revoked,
    ev.Opened: _opened,
    ev.Committed: _committed,
    ev.Sealed: _sealed,
    ev.Closed: _closed,
    ev.Aborted: _aborted,
}
