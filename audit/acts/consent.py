"""Events of ConsentToken: grants and revocations.

The enrolment that a grant came with is in no event: that it was signed by the site, and after the
record's last revocation, the proven contract code attests.
"""

from __future__ import annotations

from audit.acts.refusal import refuse, require
from audit.consent_state import StudyState
from audit.data_use import is_valid
from audit.history import History, Standing, Token, VersionFacts
from audit.round_state import Moment
from chain import events as ev
from chain.messages import Grant, split_token_id, token_id


def granted(history: History, event: ev.Granted, moment: Moment) -> None:
    grant, site = event.grant, event.grant.site
    standing = StudyState(history, moment.position, moment.time).standing
    if standing is None or not _usable(standing, moment):
        refuse("the study is not in force, or is suspended")
    require(event.version == standing.current_version, f"version {event.version} is not in force")
    _check_terms(event, history.versions[event.version])
    _check_grant(grant, moment)
    known = history.counters.get(grant.holder, 0)
    require(grant.revocation_counter >= known, "the holder revoked since signing the grant")
    tokens = history.tokens.setdefault(site, [])
    expected = token_id(event.study_id, site, len(tokens))
    require(event.token_id == expected, f"the token is not the site's next ({expected})")
    record = (site, event.record_tag)
    before = history.records.get(record)
    if before is not None and before.revoked is None:
        outdated = before.version < standing.consent_version
        own = before.grant.holder == grant.holder
        require(outdated and own, "the record has a live token already")
        history.due = ev.Revoked(
            event.study_id,
            before.token_id,
            grant.holder,
            len(history.revocations.get(site, [])) + 1,
            grant.revocation_counter + 1,
        )
    token = Token(
        event.token_id, len(tokens), grant, event.version, event.record_tag, moment, before
    )
    history.counters[grant.holder] = grant.revocation_counter
    history.records[record] = token
    tokens.append(token)


def _usable(standing: Standing, moment: Moment) -> bool:
    return not standing.suspended and moment.time < standing.approved_until


def _check_terms(event: ev.Granted, version: VersionFacts) -> None:
    grant, terms = event.grant, version.terms
    require(grant.study_id == event.study_id, "the grant is for another study")
    require(grant.terms_hash == version.terms_hash, "the grant is for other terms")
    require(grant.consent_text_hash == terms.consent_text_hash, "another consent text")
    require(grant.site in terms.sites, f"site {grant.site} is not in the study")


def _check_grant(grant: Grant, moment: Moment) -> None:
    require(moment.time <= grant.deadline, "the grant came after its deadline")
    require(is_valid(grant.purposes, grant.disease), "the grant's purposes are not valid")
    periods = grant.use_start < grant.use_end and grant.data_start < grant.data_end
    require(periods and grant.use_end > moment.time, "the grant's periods are not valid")
    require(int(grant.holder, 16) != 0, "the grant has no holder")


def revoked(history: History, event: ev.Revoked, moment: Moment) -> None:
    _, site, index = split_token_id(event.token_id)
    tokens = history.tokens.get(site, [])
    if index >= len(tokens) or tokens[index].token_id != event.token_id:
        refuse(f"token {event.token_id} was never granted")
    token = tokens[index]
    require(token.revoked is None, f"token {event.token_id} is revoked twice")
    require(event.holder == token.grant.holder, "the token has another holder")
    rose = event.revocation_counter > history.counters.get(event.holder, 0)
    require(rose, "the holder's counter did not rise")
    revocations = history.revocations.setdefault(site, [])
    require(event.epoch == len(revocations) + 1, "the epoch did not rise by one")
    token.revoked = moment
    history.counters[event.holder] = event.revocation_counter
    revocations.append(moment)
