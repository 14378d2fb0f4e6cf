"""Events of RoundLedger about sites that do not do their part: bars, readmissions, challenges.

Who signed a readmission's or a challenge's message is in no event: the proven contract code attests
that a reviewer did, or the token's holder.
"""

from __future__ import annotations

from dataclasses import replace

from audit.acts.refusal import refuse, require
from audit.acts.rounds import is_member, round_in
from audit.consent_state import StudyState
from audit.history import BarChange, ChallengeFacts, History
from audit.round_state import Moment
from audit.rules import is_current
from audit.times import utc
from chain import events as ev
from chain.messages import LateRevocation, RoundState, split_token_id


def barred_by_coordinator(history: History, event: ev.Barred, moment: Moment) -> None:
    facts = round_in(history, event.round, RoundState.SEALED, RoundState.ABORTED)
    last = max((f.number for f in history.rounds.values() if f.sealed), default=0)
    require(event.round == last, f"round {event.round} is not the last sealed")
    require(moment.time >= facts.opened.delivery_deadline, "the delivery deadline is yet to come")
    require(is_member(facts, event.site), f"{event.site} is no member of round {event.round}")
    require(event.site not in facts.deliveries, f"the delivery of {event.site} is on record")
    ended, due = facts.aborted_at, facts.opened.delivery_deadline
    early = ended is not None and ended.time < due
    require(not early, f"round {event.round} ended before its deliveries were due, which excuses")
    again = (event.round, event.site) in history.was_barred
    require(not again, f"{event.site} was barred for round {event.round} before")
    standing = history.standings[-1]
    suspended = standing.suspensions != facts.sealed_suspensions
    require(not suspended, f"a suspension since the seal excuses {event.site}")
    amended = standing.current_version != facts.opened.version
    require(not amended, f"a new version since the seal excuses {event.site}")
    now = StudyState(history, moment.position, moment.time)
    terms = history.versions[facts.opened.version].terms
    if event.round != len(history.rounds):
        # a commitment to a later round clears what Proceed compares (Bars.bar)
        terms = replace(terms, late_revocation=LateRevocation.ABANDON)
    committing = facts.newest_commitments().get(event.site)
    excused = not is_current(now, facts, terms, committing)
    require(not excused, f"a withdrawn consent excuses {event.site}")
    _bar(history, event, moment)


def barred_by_fault(history: History, event: ev.Barred, moment: Moment) -> None:
    _bar(history, event, moment)


def _bar(history: History, event: ev.Barred, moment: Moment) -> None:
    times = history.times_barred(event.site) + 1
    require(event.times == times, f"{event.site} is barred {times} times by now")
    changes = history.bars.setdefault(event.site, [])
    changes.append(BarChange(moment, event.round, event.times))
    history.was_barred.add((event.round, event.site))


def readmitted(history: History, event: ev.Readmitted, moment: Moment) -> None:
    changes = history.bars.setdefault(event.site, [])
    barred_for = changes[-1].round if changes else 0
    require(barred_for != 0, f"{event.site} is not barred")
    require(event.round == barred_for, f"{event.site} is barred for round {barred_for}")
    require(event.reviewer in history.reviewers, f"{event.reviewer} is not a reviewer")
    times = history.times_barred(event.site)
    changes.append(BarChange(moment, 0, times, readmitted_by=event.reviewer))


def challenged(history: History, event: ev.Challenged, moment: Moment) -> None:
    key = (event.round, event.site, event.token_id)
    require(key not in history.challenges, "the question was asked before")
    facts = round_in(history, event.round, RoundState.CLOSED, RoundState.ABORTED)
    terms = history.versions[facts.opened.version].terms
    until = facts.opened.close_deadline + terms.challenge_seconds
    require(moment.time < until, f"round {event.round} may be asked about until {utc(until)}")
    took_part = event.site in facts.newest_commitments()
    require(took_part, f"{event.site} committed to nothing in round {event.round}")
    if event.token_id != 0:
        _require_token(history, event)
    answer_by = moment.time + terms.answer_seconds
    due = f"by the terms the answer is due by {utc(answer_by)}"
    require(event.answer_by == answer_by, due)
    history.challenges[key] = ChallengeFacts(*key, moment, event.answer_by)


def _require_token(history: History, event: ev.Challenged) -> None:
    study, site, index = split_token_id(event.token_id)
    held = index < len(history.tokens.get(site, []))
    own = (study, site) == (history.study_id, event.site)
    require(own and held, f"token {event.token_id} is none of {event.site}")


def answered(history: History, event: ev.Answered, moment: Moment) -> None:
    asked = _asked(history, event.round, event.site, event.token_id)
    require(moment.time < asked.answer_by, f"an answer was due by {utc(asked.answer_by)}")
    require(any(event.answer_hash), "the answer is empty")
    asked.answer_hash, asked.answered = event.answer_hash, moment


def faulted(history: History, event: ev.Faulted, moment: Moment) -> None:
    asked = _asked(history, event.round, event.site, event.token_id)
    require(moment.time >= asked.answer_by, f"the site may answer until {utc(asked.answer_by)}")
    asked.faulted = moment
    times = history.times_barred(event.site) + 1
    history.due = ev.Barred(event.study_id, event.round, event.site, times)


def _asked(history: History, round_: int, site: str, token_id: int) -> ChallengeFacts:
    asked = history.challenges.get((round_, site, token_id))
    if asked is None:
        refuse("the question was never asked")
    require(asked.answered is None and asked.faulted is None, "the question is settled already")
    return asked
