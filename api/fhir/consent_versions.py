"""The versions of a Consent: every moment at which what it says has changed, by the study's events.

A version begins when the consent is granted, when it is revoked, and when the predicate's answer
(`isConsentActive` for what the study does, at that second) turns: a period begins or ends, the
study is suspended or resumed, its approval expires or is renewed, new terms need a new consent.
"""

from __future__ import annotations

from bisect import bisect_left
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
    """Every version until chain time ``now`` (s), oldest first; at least one.

    Two events of one second are two versions: whoever has read one in between finds it again.
    """
    granted = token.granted
    begin = (granted.time, granted.position + 1)
    points = [one for one in _turning_points(state, token) if one > begin and one[0] <= now]
    found: list[Version] = []
    for since, events in [begin, *sorted(points)]:
        then = StudyState(state.history, events, since)
        active = then.is_consent_active(token.token_id, asked_of(then), since)
        revoked = token.revoked is not None and token.revoked.position < events
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


def _turning_points(state: StudyState, token: Token) -> set[tuple[int, int]]:
    """(second, events until then) at which the answer may turn: what a clock says holds before the
    first event of its second.
    """
    moments, standings = state.history.moments, state.history.standings
    clocks = {token.grant.use_start, token.grant.use_end}
    clocks |= {standing.approved_until for standing in standings}
    events = [standing.moment for standing in standings]
    if token.revoked is not None:
        events.append(token.revoked)
    known = state.events
    return {
        (clock, bisect_left(moments, clock, 0, known, key=lambda one: one.time)) for clock in clocks
    } | {(event.time, event.position + 1) for event in events if event.position < known}
