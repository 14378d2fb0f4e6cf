"""The two clocks of a withdrawal: until its use halts, and until its class is final."""

from __future__ import annotations

from collections.abc import Sequence

from audit.consent_state import StudyState
from audit.history import Token
from audit.remedies import CheckpointRemedy, Clock, Remedy
from audit.round_state import Moment
from audit.rules import is_current
from audit.withdrawal_study import may_have_used
from chain.messages import LateRevocation


def halting(
    state: StudyState, site: str, tokens: Sequence[Token], revoked: Moment, at: int
) -> tuple[LateRevocation | None, Clock]:
    """The policy of the round that ran with the record, and until when that could use it.

    At the revocation the site's epoch moves. No later commitment can hold the record, and one from
    before is no longer current, so that a round neither seals nor closes with it; except under
    `proceed`, after the commit deadline: then the round may go on, until it is over or too late.
    """
    at_once = Clock(revoked.time, revoked.time, revoked.time, revoked.block)
    for facts in reversed(state.history.rounds.values()):
        over = facts.over_at
        if facts.opened_at.position > revoked.position:
            continue
        if over is not None and over.position < revoked.position:
            break  # one round runs at a time
        before = [c for c in facts.commitments if c.moment.position < revoked.position]
        committing = next((c for c in reversed(before) if c.site == site), None)
        if committing is None or (facts.sealed and site not in facts.sealed.members):
            break
        if not any(may_have_used(state, facts, committing, token.token_id) for token in tokens):
            break
        terms = state.history.versions[facts.opened.version].terms
        just_after = StudyState(state.history, revoked.position + 1, revoked.time)
        longest = facts.opened.close_deadline
        end = longest if facts.sealed else facts.opened.seal_deadline
        if end <= revoked.time or not is_current(just_after, facts, terms, committing):
            return terms.late_revocation, at_once
        if over is not None and over.time <= end:
            return terms.late_revocation, Clock(revoked.time, longest, over.time, over.block)
        return terms.late_revocation, Clock(revoked.time, longest, end if at >= end else None)
    return None, at_once


def finishing(
    revoked: Moment,
    remedy: Remedy,
    checkpoints: Sequence[CheckpointRemedy],
    halted: Clock,
    deadline: int,
    at: int,
) -> Clock:
    """Until every checkpoint's class is final: none is while a round can still use the record; one
    that was retired is at once, and one that later rounds build on when nobody retired it in time.
    """
    started = revoked.time
    if halted.ended is None:
        return Clock(started, deadline, None)
    if remedy == Remedy.BOUNDED:
        return Clock(started, deadline, deadline if at >= deadline else None)
    moments = [one.retired for one in checkpoints if one.bound is not None and one.retired]
    last = max(moments, key=lambda moment: moment.position, default=None)
    # blocks of one second are told apart by number; a deadline that passed has none
    if last is None or (last.time, last.block) <= (halted.ended, halted.block or 0):
        return Clock(started, deadline, halted.ended, halted.block)
    return Clock(started, deadline, last.time, last.block)
