"""The withdrawal ledger: for each revoked consent, what may have used it and what came of that.

Pure, and from a study's events alone. Events say whose consent was active when a site read its
cohort, and how many patients it counted; which, only the cohort tree's leaves say, which the site
keeps and gives as receipts. So a round *may* have used a record, or cannot have; that it did, or
did not although it could, is for a receipt to prove.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.consent_state import StudyState
from audit.history import Token
from audit.remedies import Bound, CheckpointRemedy, Remedy, RoundUse, Withdrawal
from audit.round_state import Moment
from audit.withdrawal_clocks import finishing, halting
from audit.withdrawal_study import NOTHING, Cost, WithdrawalStudy, may_have_used, predecessor
from chain.messages import split_token_id

REMEDIATION_SECONDS = 30 * 24 * 3600
"""How long reviewers have to go back behind a withdrawn record before its class is final.

A controller tells a person what it did about their request within one month (GDPR, article 12(3)).
"""


def withdrawals(
    state: StudyState, at: int, remediation_seconds: int = REMEDIATION_SECONDS
) -> list[Withdrawal]:
    """Every withdrawal of a study, in the order of the chain, as judged at second ``at``.

    A token that ended because its holder granted anew under a later version is none.
    """
    study = WithdrawalStudy.of(state)
    revoked = [
        (token.revoked, token)
        for tokens in state.history.tokens.values()
        for token in tokens
        if token.revoked is not None and token.token_id not in study.renewed
    ]
    ordered = sorted(revoked, key=lambda pair: pair[0].position)
    return [_withdrawal(study, token, when, at, remediation_seconds) for when, token in ordered]


def withdrawal(
    state: StudyState, token_id: int, at: int, remediation_seconds: int = REMEDIATION_SECONDS
) -> Withdrawal | None:
    """As `withdrawals`, of one token; None when it is not revoked, or was renewed."""
    _, site, index = split_token_id(token_id)
    tokens = state.history.tokens.get(site, [])
    token = tokens[index] if index < len(tokens) else None
    if token is None or token.token_id != token_id or token.revoked is None:
        return None
    study = WithdrawalStudy.of(state)
    if token_id in study.renewed:
        return None
    return _withdrawal(study, token, token.revoked, at, remediation_seconds)


def _withdrawal(
    study: WithdrawalStudy, token: Token, revoked: Moment, at: int, remediation_seconds: int
) -> Withdrawal:
    site, tokens = token.grant.site, [token]
    while (before := predecessor(tokens[-1])) is not None:
        tokens.append(before)
    uses = list(_uses(study, site, tokens, revoked))
    checkpoints = _checkpoints(study, {use.round for use in uses})
    policy, halt = halting(study.state, site, tokens, revoked, at)
    deadline = max(revoked.time + remediation_seconds, halt.deadline)
    remedy = _overall(checkpoints)
    whole = NOTHING
    for use in uses:
        whole = whole.with_round(study.costs[use.round])
    return Withdrawal(
        token_id=token.token_id,
        site=site,
        revoked=revoked,
        policy=policy,
        uses=tuple(uses),
        checkpoints=tuple(checkpoints),
        remedy=remedy,
        bound=_bound(whole),
        last_clean=_last_clean(study, checkpoints),
        halting=halt,
        finishing=finishing(revoked, remedy, checkpoints, halt, deadline, at),
        judged=at,
    )


def _uses(
    study: WithdrawalStudy, site: str, tokens: list[Token], revoked: Moment
) -> Iterator[RoundUse]:
    state, first = study.state, tokens[-1].granted
    for facts, committing in study.sealed.get(site, ()):
        ran = facts.opened_at.position < revoked.position
        if not ran or committing.moment.position < first.position:
            continue
        if any(may_have_used(state, facts, committing, token.token_id) for token in tokens):
            commitment = committing.commitment
            active = study.active(facts, committing)
            yield RoundUse(facts.number, facts.state, commitment.cohort_size, active)


def _checkpoints(study: WithdrawalStudy, uses: set[int]) -> list[CheckpointRemedy]:
    spent: dict[int, tuple[Cost, Bound | None]] = {0: (NOTHING, None)}
    for facts in study.closed:
        before = spent[facts.follows]
        if facts.number in uses:
            cost = before[0].with_round(study.costs[facts.number])
            spent[facts.number] = cost, _bound(cost)
        else:
            spent[facts.number] = before
    went_back = [moment.position for number, moment in study.retired.items() if spent[number][1]]
    first = min(went_back, default=None)
    found = []
    for facts in study.closed:
        kept, bound = facts.number in study.kept, spent[facts.number][1]
        if bound is not None:
            remedy = Remedy.BOUNDED if kept else Remedy.RETIRED
        else:
            since = first is not None and first < facts.opened_at.position
            remedy = Remedy.RETRAINED if since and kept else Remedy.NOT_USED
        retired = study.retired.get(facts.number)
        checkpoint = facts.closed.checkpoint_hash if facts.closed else b""
        found.append(CheckpointRemedy(facts.number, checkpoint, remedy, bound, retired))
    return found


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


def _last_clean(study: WithdrawalStudy, checkpoints: list[CheckpointRemedy]) -> int:
    tainted = {one.round for one in checkpoints if one.bound is not None}
    return max(study.kept - tainted)


def _bound(cost: Cost) -> Bound | None:
    if not cost.rounds:
        return None
    return Bound(cost.rounds, cost.rho, cost.epsilon, cost.delta)
