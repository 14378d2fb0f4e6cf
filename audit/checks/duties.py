"""What griefing costs: who comes back waits, who is barred stays out, who is asked answers."""

from __future__ import annotations

from audit.checks.context import Context
from audit.consent_state import StudyState
from audit.fields import hex_of
from audit.history import ChallengeFacts, Token
from audit.report import Kind
from audit.round_state import RoundFacts
from audit.times import utc
from chain.messages import Grant


def check_duties(context: Context) -> None:
    """Adds `consents.waiting`, `consents.once`, `round.bars` for every round, and `challenge` for
    every challenge.
    """
    state = context.state
    if state is None:
        return
    _check_waiting(context, state)
    _check_once(context, state)
    for facts in state.history.rounds.values():
        with context.record.group("round.bars", f"round {facts.number}"):
            _check_bars(context, state, facts)
    now = context.header.timestamp if context.header else state.time
    for asked in state.history.challenges.values():
        _check_challenge(context, asked, now)
    if not state.history.challenges:
        context.record.add("challenge", f"study {context.study}", True, "nobody asked a site")


def _check_waiting(context: Context, state: StudyState) -> None:
    """A record whose token was revoked sits out the rounds that the terms in force say."""
    again, hasty = 0, 0
    for tokens in state.history.tokens.values():
        for token in tokens:
            before = token.before
            if before is None or before.revoked is None:
                continue
            if before.revoked.position > token.granted.position:
                continue  # burned by this grant, as outdated
            again += 1
            over = state.state_before(token.granted).rounds_over(before.revoked.time)
            wanted = state.history.versions[token.version].terms.waiting_rounds
            if over < wanted:
                hasty += 1
                _fail_waiting(context, token, over, wanted)
    if not hasty:
        detail = f"{again} records came back after a revocation, each having waited"
        context.record.add("consents.waiting", "ConsentToken", True, detail)


def _fail_waiting(context: Context, token: Token, over: int, wanted: int) -> None:
    detail = f"its record came back after {over} rounds, {wanted} are to be sat out"
    context.record.fail("consents.waiting", f"token {token.token_id}", detail)


def _check_once(context: Context, state: StudyState) -> None:
    """What a holder signed made one token.

    The contract knows a record by the tag in the site's enrolment: a site that tags a record anew
    can have one signature serve again, and the holder who then revokes one token leaves the other.
    """
    made: dict[Grant, int] = {}
    twice = 0
    for tokens in state.history.tokens.values():
        for token in tokens:
            first = made.setdefault(token.grant, token.token_id)
            if first != token.token_id:
                twice += 1
                detail = f"its holder's grant had made token {first}, by another enrolment"
                context.record.fail("consents.once", f"token {token.token_id}", detail)
    if not twice:
        detail = f"{len(made)} grants, each of which made one token"
        context.record.add("consents.once", "ConsentToken", True, detail)


def _check_bars(context: Context, state: StudyState, facts: RoundFacts) -> None:
    where, wrong = f"round {facts.number}", []
    for committing in facts.commitments:
        barred_for = state.state_before(committing.moment).barred_for(committing.site)
        if barred_for:
            wrong.append(f"{committing.site} committed, barred for round {barred_for}")
    if facts.sealed and facts.sealed_at:
        then = state.state_before(facts.sealed_at)
        wrong += [
            f"{site} was sealed while barred"
            for site in facts.sealed.members
            if then.barred_for(site)
        ]
    barred = [
        site for site in state.history.bars if state.state_before(facts.opened_at).barred_for(site)
    ]
    detail = f"{len(barred)} sites barred at its opening; no barred site took part"
    context.record.add("round.bars", where, not wrong, "; ".join(wrong) or detail)


def _check_challenge(context: Context, asked: ChallengeFacts, now: int) -> None:
    """Unanswered after its deadline is a fault of the site. On record, and the site barred for it,
    the evidence holds and says so; as long as nobody put it on record, the check fails.
    """
    about = f"the receipt of token {asked.token_id}" if asked.token_id else "a replay"
    place = f"round {asked.round}, site {asked.site}, {about}"
    due = utc(asked.answer_by)
    if asked.answered and asked.answer_hash:
        detail = f"answered in time with {hex_of(asked.answer_hash)}; what it says is off chain"
        context.record.add("challenge", place, True, detail, Kind.ATTESTED)
    elif now < asked.answer_by:
        detail = f"asked at {utc(asked.asked.time)}, the answer is due by {due}"
        context.record.add("challenge", place, True, detail, Kind.PENDING)
    elif asked.faulted:
        detail = f"fault: no answer by {due}; on record, and barred for it"
        context.record.add("challenge", place, True, detail, Kind.FAULT)
    else:
        detail = (
            f"no answer by {due}, and the fault is not on record yet: anyone may put it"
            " there (`assent study fault`)"
        )
        context.record.fail("challenge", place, detail)
