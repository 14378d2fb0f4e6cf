"""Events of RoundLedger that make a round: opened, committed, sealed, delivered, closed, aborted.

What makes a round a lie rather than an impossible history (deadlines, epochs, approvals, bars) has
checks of its own, in `audit.checks.rounds`.
"""

from __future__ import annotations

from audit.acts.refusal import refuse, require
from audit.history import History
from audit.round_state import BaseChange, ChargedAbort, Committing, Moment, RoundFacts
from chain import events as ev
from chain.messages import RoundState


def opened(history: History, event: ev.Opened, moment: Moment) -> None:
    version = history.current_version
    in_force = version != 0 and not history.standings[-1].suspended
    require(in_force, "the study is not in force, or is suspended")
    require(event.version == version, f"version {event.version} is not in force")
    require(event.round == len(history.rounds) + 1, "it is not the next round")
    if history.rounds:
        over = history.rounds[event.round - 1].over_at is not None
        require(over, "the round before is still running")
    history.rounds[event.round] = RoundFacts(event.round, event, moment, history.base_round)


def round_in(history: History, number: int, *states: RoundState) -> RoundFacts:
    """A round, which must be in one of the states."""
    facts = history.rounds.get(number)
    if facts is None:
        refuse(f"round {number} was never opened")
    require(facts.state in states, f"round {number} is {facts.state.name.lower()}")
    return facts


def committed(history: History, event: ev.Committed, moment: Moment) -> None:
    facts = round_in(history, event.round, RoundState.OPEN)
    before = facts.newest_commitments().get(event.site)
    attempts = before.commitment.attempt if before else 0
    require(event.commitment.attempt == attempts + 1, "it is not the site's next attempt")
    facts.add(Committing(moment, event.site, event.commitment))
    history.commits.setdefault(event.site, []).append(moment)


def sealed(history: History, event: ev.Sealed, moment: Moment) -> None:
    facts = round_in(history, event.round, RoundState.OPEN)
    facts.sealed, facts.sealed_at = event, moment
    facts.sealed_suspensions = history.standings[-1].suspensions
    history.rho_spent += event.rho
    require(event.rho_spent == history.rho_spent, "the rho spent is not the sum of all seals")


def delivery_recorded(history: History, event: ev.DeliveryRecorded, moment: Moment) -> None:
    facts = round_in(history, event.round, RoundState.SEALED)
    require(moment.time < facts.opened.delivery_deadline, "it comes after the delivery deadline")
    require(any(event.masked_hash), "it names no masked vector")
    require(is_member(facts, event.site), f"{event.site} is no member of round {event.round}")
    require(event.site not in facts.deliveries, f"{event.site} delivers twice")
    facts.deliveries[event.site] = event.masked_hash


def is_member(facts: RoundFacts, site: str) -> bool:
    """Whether a site was sealed into a round."""
    return facts.sealed is not None and site in facts.sealed.members


def closed(history: History, event: ev.Closed, moment: Moment) -> None:
    facts = round_in(history, event.round, RoundState.SEALED)
    facts.closed, facts.closed_at = event, moment
    history.bases.append(BaseChange(moment, event.round))


def aborted(history: History, event: ev.Aborted, moment: Moment) -> None:
    facts = round_in(history, event.round, RoundState.OPEN, RoundState.SEALED)
    facts.aborted, facts.aborted_at = event, moment
    if facts.sealed:
        suspensions = history.standings[-1].suspensions
        history.charged_aborts.append(ChargedAbort(moment, suspensions))
