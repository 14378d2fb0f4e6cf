"""The withdrawal ledger: for each revoked consent, what may have used it and what came of that.

Pure, and from a study's events alone. Events say whose consent was active when a site read its
cohort, and how many patients it counted; which, only the cohort tree's leaves say, which the site
keeps and gives as receipts. So a round *may* have used a record, or cannot have; that it did, or
did not although it could, is for a receipt to prove.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from audit.consent_state import StudyState
from audit.history import Token
from audit.privacy import RHO_UNIT, epsilon_canonne_kamath_steinke, log_slack_of_round
from audit.remedies import Bound, CheckpointRemedy, Clock, Remedy, RoundUse, Withdrawal
from audit.round_state import Committing, Moment, RoundFacts
from audit.rules import is_current
from chain.messages import LateRevocation, split_token_id

REMEDIATION_SECONDS = 30 * 24 * 3600
"""How long reviewers have to go back behind a withdrawn record, unless a study says otherwise.

A controller tells a person what it did about their request within one month (GDPR, article 12(3)).
"""


def withdrawals(
    state: StudyState, at: int, remediation_seconds: int = REMEDIATION_SECONDS
) -> list[Withdrawal]:
    """Every withdrawal of a study, in the order of the chain, as judged at second ``at``.

    A token that ended because its holder granted anew under a later version is none.
    """
    renewed = _renewed(state)
    revoked = [
        (token.revoked, token)
        for tokens in state.history.tokens.values()
        for token in tokens
        if token.revoked is not None and token.token_id not in renewed
    ]
    ordered = sorted(revoked, key=lambda pair: pair[0].position)
    return [_withdrawal(state, token, when, at, remediation_seconds) for when, token in ordered]


def withdrawal(
    state: StudyState, token_id: int, at: int, remediation_seconds: int = REMEDIATION_SECONDS
) -> Withdrawal | None:
    """As `withdrawals`, of one token; None when it is not revoked, or was renewed."""
    _, site, index = split_token_id(token_id)
    tokens = state.history.tokens.get(site, [])
    token = tokens[index] if index < len(tokens) else None
    if token is None or token.token_id != token_id or token.revoked is None:
        return None
    if token_id in _renewed(state):
        return None
    return _withdrawal(state, token, token.revoked, at, remediation_seconds)


def may_have_used(
    state: StudyState, facts: RoundFacts, committing: Committing, token_id: int
) -> bool:
    """Whether a site could count a token in a commitment: active to the close deadline at the block
    that the commitment names.
    """
    terms = state.history.versions[facts.opened.version].terms
    then = state.state_at(committing.commitment.block_number)
    return then.is_consent_active(token_id, terms.purposes, facts.opened.close_deadline)


def _renewed(state: StudyState) -> set[int]:
    """Tokens that ended because their holder granted anew: that goes on with the same consent."""
    return {
        before.token_id
        for tokens in state.history.tokens.values()
        for token in tokens
        if (before := _goes_on_from(token)) is not None
    }


def _goes_on_from(token: Token) -> Token | None:
    before = token.before
    if before is None or before.revoked is None:
        return None
    return before if before.revoked.position > token.granted.position else None


def _withdrawal(
    state: StudyState, token: Token, revoked: Moment, at: int, remediation_seconds: int
) -> Withdrawal:
    site = token.grant.site
    tokens = [token]
    while (before := _goes_on_from(tokens[-1])) is not None:
        tokens.append(before)
    uses = [
        use
        for facts in state.history.rounds.values()
        if facts.sealed and facts.opened_at.position < revoked.position
        for use in _use(state, facts, site, tokens)
    ]
    checkpoints = _checkpoints(state, {use.round for use in uses})
    policy, halting = _halting(state, site, tokens, revoked, at)
    deadline = max(revoked.time + remediation_seconds, halting.deadline)
    remedy = _overall(checkpoints)
    return Withdrawal(
        token_id=token.token_id,
        site=site,
        revoked=revoked,
        policy=policy,
        uses=tuple(uses),
        checkpoints=tuple(checkpoints),
        remedy=remedy,
        bound=_bound(state, [use.round for use in uses]),
        last_clean=_last_clean(state, checkpoints),
        halting=halting,
        finishing=_finishing(revoked, remedy, checkpoints, halting, deadline, at),
        judged=at,
    )


def _use(
    state: StudyState, facts: RoundFacts, site: str, tokens: list[Token]
) -> Iterable[RoundUse]:
    committing = next((one for one in facts.sealed_commitments() if one.site == site), None)
    if committing is None:
        return
    if any(may_have_used(state, facts, committing, token.token_id) for token in tokens):
        commitment = committing.commitment
        then = state.state_at(commitment.block_number)
        terms = state.history.versions[facts.opened.version].terms
        active = then.active_indices(site, terms.purposes, facts.opened.close_deadline)
        yield RoundUse(facts.number, facts.state, commitment.cohort_size, len(active))


def _checkpoints(state: StudyState, uses: set[int]) -> list[CheckpointRemedy]:
    history = state.history
    kept = set(history.lineage(history.base_round))
    retired = _retired(state)
    used: dict[int, tuple[int, ...]] = {0: ()}
    found = []
    for facts in history.rounds.values():
        if facts.closed is None:
            continue
        number = facts.number
        used[number] = used[facts.follows] + ((number,) if number in uses else ())
        behind = any(
            moment.position < facts.opened_at.position and used[other]
            for other, moment in retired.items()
            if other in used
        )
        if used[number]:
            remedy = Remedy.BOUNDED if number in kept else Remedy.RETIRED
        else:
            remedy = Remedy.RETRAINED if behind and number in kept else Remedy.NOT_USED
        found.append(
            CheckpointRemedy(
                number,
                facts.closed.checkpoint_hash,
                remedy,
                _bound(state, used[number]),
                retired.get(number),
            )
        )
    return found


def _retired(state: StudyState) -> dict[int, Moment]:
    """When each retired round was."""
    history = state.history
    return {
        number: rollback.moment
        for rollback in history.rollbacks
        for number in set(history.lineage(rollback.event.from_round))
        - set(history.lineage(rollback.event.to_round))
    }


def _overall(checkpoints: list[CheckpointRemedy]) -> Remedy:
    """The worst of what still counts: what is retired is better than bounded, and made good once a
    clean checkpoint came after it.
    """
    found = {one.remedy for one in checkpoints}
    if Remedy.BOUNDED in found:
        return Remedy.BOUNDED
    if Remedy.RETIRED in found:
        return Remedy.RETRAINED if Remedy.RETRAINED in found else Remedy.RETIRED
    return Remedy.NOT_USED


def _last_clean(state: StudyState, checkpoints: list[CheckpointRemedy]) -> int:
    tainted = {one.round for one in checkpoints if one.bound is not None}
    lineage = state.history.lineage(state.history.base_round)
    return next(number for number in lineage if number not in tainted)


def _bound(state: StudyState, rounds: Iterable[int]) -> Bound | None:
    facts = [state.history.rounds[number] for number in rounds]
    if not facts:
        return None
    terms = [state.history.versions[one.opened.version].terms for one in facts]
    rho = sum(one.sealed.rho for one in facts if one.sealed)
    slack = sum(math.exp(log_slack_of_round(one)) for one in terms)
    delta = min(one.delta for one in terms) / RHO_UNIT
    numbers = tuple(one.number for one in facts)
    return Bound(numbers, rho, _epsilon(rho / RHO_UNIT + slack, delta), delta)


_epsilon = lru_cache(maxsize=4096)(epsilon_canonne_kamath_steinke)


def _halting(
    state: StudyState, site: str, tokens: list[Token], revoked: Moment, at: int
) -> tuple[LateRevocation | None, Clock]:
    """The policy of the round that ran with the record, and until when that could use it.

    At the revocation the site's epoch moves. No later commitment can hold the record, and one from
    before is no longer current, so that a round neither seals nor closes with it; except under
    `proceed`, after the commit deadline: then the round may go on, until it is over or too late.
    """
    at_once = Clock(revoked.time, revoked.time, revoked.time, revoked.block)
    for facts in state.history.rounds.values():
        over = facts.over_at
        ran = facts.opened_at.position < revoked.position
        if not ran or (over is not None and over.position < revoked.position):
            continue
        before = [c for c in facts.commitments if c.moment.position < revoked.position]
        committing = next((c for c in reversed(before) if c.site == site), None)
        if committing is None or (facts.sealed and site not in facts.sealed.members):
            continue
        if not any(may_have_used(state, facts, committing, token.token_id) for token in tokens):
            continue
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


def _finishing(
    revoked: Moment,
    remedy: Remedy,
    checkpoints: list[CheckpointRemedy],
    halting: Clock,
    deadline: int,
    at: int,
) -> Clock:
    """Until every checkpoint's class is final: none is while a round can still use the record; one
    that was retired is at once, and one that later rounds build on when nobody retired it in time.
    """
    started = revoked.time
    if halting.ended is None:
        return Clock(started, deadline, None)
    if remedy == Remedy.BOUNDED:
        return Clock(started, deadline, deadline if at >= deadline else None)
    moments = [one.retired for one in checkpoints if one.bound is not None and one.retired]
    last = max(moments, key=lambda moment: moment.position, default=None)
    if last is None or last.time <= halting.ended:
        return Clock(started, deadline, halting.ended, halting.block)
    return Clock(started, deadline, last.time, last.block)
