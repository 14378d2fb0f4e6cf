"""The versions of a Consent: every second at which what it says has changed, by the study's events.

A version begins when the consent is granted, when it is revoked, and when the predicate's answer
(`isConsentActive` for what the study does, at that second) turns: a period begins or ends, the
study is suspended or resumed, its approval expires or is renewed, new terms need a new consent.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from audit.consent_state import StudyState
from audit.history import Token


@dataclass(frozen=True)
class Version:
    """Version ``number`` (from 1) holds from chain time ``since`` (s) on.

    ``active``: the predicate's answer. ``revoked``: the holder has ended it.
    """

    number: int
    since: int
    active: bool
    revoked: bool


def versions(state: StudyState, token: Token, now: int) -> list[Version]:
    """Every version until chain time ``now`` (s), oldest first; at least one."""
    granted = token.granted.time
    found: list[Version] = []
    points = sorted(one for one in _turning_points(state, token) if granted < one <= now)
    for since in [granted, *points]:
        active, revoked = _at(state, token, since)
        if not found or (active, revoked) != (found[-1].active, found[-1].revoked):
            found.append(Version(len(found) + 1, since, active, revoked))
    return found


def newest_version(
    state: StudyState, token: Token, now: int, active: bool | None = None
) -> Version:
    """The version at chain time ``now`` (s).

    ``active`` is the chain's own answer at that second: where the events that are known here do not
    yet explain it, it is a version more.
    """
    last = versions(state, token, now)[-1]
    if active is None or active == last.active:
        return last
    return Version(last.number + 1, now, active, last.revoked)


def asked_of(state: StudyState) -> int:
    """What the study asks of a consent: its purposes in force; 0 while none are."""
    standing = state.standing
    if standing is None or standing.current_version == 0:
        return 0
    return state.history.versions[standing.current_version].terms.purposes


def state_at_time(state: StudyState, now: int) -> StudyState:
    """The study as it stood at second ``now``, later events left out."""
    moments = state.history.moments
    known = bisect_right(moments, now, 0, state.events, key=lambda one: one.time)
    return StudyState(state.history, known, now)


def _turning_points(state: StudyState, token: Token) -> set[int]:
    points = {token.grant.use_start, token.grant.use_end}
    if token.revoked is not None:
        points.add(token.revoked.time)
    for standing in state.history.standings:
        points |= {standing.moment.time, standing.approved_until}
    return points


def _at(state: StudyState, token: Token, now: int) -> tuple[bool, bool]:
    then = state_at_time(state, now)
    active = then.is_consent_active(token.token_id, asked_of(then), now)
    return active, token.revoked is not None and token.revoked.position < then.events
