"""The offline predicate and counts are the contract's, over random histories on a real chain."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from audit.consent_state import StudyState
from chain.chain import Chain
from tests.audit.random_history import (
    APPROVAL,
    ASKED,
    LENGTHS,
    STARTS,
    TRAINED,
    Act,
    RandomHistory,
    acts,
)
from tests.world import PURPOSES, World


def grant(site: int = 0, consent: str = "disease", start: int = 0, length: int = 10**6) -> Act:
    return ("grant", site, start, length, consent)


ONE, TWO = grant(0), grant(1)
MODIFIERS = [
    grant(0, consent)
    for consent in ("other disease", "health", "everything", "not for profit", "no ancestry")
]
ROUND, SEALED, CLOSED = ("round", "open"), ("round", "sealed"), ("round", "closed")

#: Histories by name, with what the contracts refuse in each.
NAMED: dict[str, tuple[list[Act], list[str]]] = {
    "a record comes back before and after its waiting round, and outdated tokens are replaced": (
        [
            *(ONE, TWO, ("revoke", 0), ("return", 0), ROUND, ("abort",), ("return", 0)),
            *(("renew_consent", 0), ("version", "looser")),
            *(("renew_consent", 0), ("renew_consent", 1), ONE),
        ],
        ["ConsentRecordWaiting", "ConsentRecordHasToken"],
    ),
    "the approval expires, one and then two renew it, reviewers are replaced in between": (
        [
            *(ONE, ("approve", 0, 9000), ("replace", 0), ("wait", APPROVAL), ONE, ROUND),
            *(("approve", 1, 9000), ("approve", 0, 3000), TWO, ("suspend",)),
            *(("approve", 1, 9001), ("resume",), ("version", "tighter"), ("replace", 1)),
            *(("approve", 2, 50), ("wait", 30)),
        ],
        ["ConsentStudyNotUsable", "LedgerStudyNotUsable", "RegistryApprovalNotLater"],
    ),
    "consents of every kind, under terms that change what they ask for": (
        [
            *(ONE, *MODIFIERS, ("version", "non-profit"), TWO, ("version", "disease")),
            *(ONE, *MODIFIERS, grant(1, "other disease", 50, 60)),
        ],
        [],
    ),
    "rounds that end in every way, epochs that move in each, bars, faults and readmissions": (
        [
            *(ONE, ONE, TWO, TWO, SEALED, ("revoke", 0), CLOSED, ("wait", 2000), ("bar", 0)),
            *(("bar", 1), ("abort",), SEALED, ("readmit", 1), ("round", "committed"), ("abort",)),
            *(("fault", 0), ("readmit", 0), ("readmit", 1), SEALED, ("abort",), ROUND),
            *(("suspend",), ("resume",), CLOSED, ("revoke", 1), ("version", "looser")),
            *(ONE, TWO, SEALED, CLOSED),
        ],
        [
            "LedgerEpochMoved",
            "BarsExcused",
            "LedgerSiteBarred",
            "BarsNotBarred",
            "LedgerPausedByAborts",
        ],
    ),
    "a suspension or a new version since the seal excuses, and a site is barred again and again": (
        [
            *(ONE, ONE, TWO, TWO, SEALED, ("version", "tighter"), ("wait", 2000), ("bar", 0)),
            *(("approve", 0, 9000), ("approve", 1, 9000), ("abort",), SEALED),
            *(("suspend",), ("wait", 2000), ("bar", 0), ("resume",), ("bar", 0), ("abort",)),
            *(SEALED, ("wait", 2000), ("bar", 0), ("abort",), ("readmit", 0), ("fault", 0)),
            *(("bar", 0), ("bar", 1), ("readmit", 0), ("readmit", 1), ("readmit", 1)),
        ],
        ["BarsExcused", "BarsExcused", "BarsExcused", "BarsAlreadyBarred", "BarsNotBarred"],
    ),
    "nobody is barred for a round that ended before its deliveries were due, but for the next": (
        [
            *(ONE, ONE, TWO, TWO, SEALED, ("abort",), ("wait", 2000), ("bar", 0), ("bar", 1)),
            *(("suspend",), ("resume",), SEALED, ("bar", 0), ("wait", 2000), ("bar", 0)),
            *(("abort",), ("bar", 1)),
        ],
        ["BarsExcused", "BarsExcused", "LedgerTooEarly"],
    ),
    "under Proceed, an excuse outlasts the next round's commitments": (
        [
            *(("version", "looser"), ONE, ONE, ONE, TWO, TWO, SEALED, ("revoke", 0)),
            *(("wait", 2000), ("abort",), ("bar", 0), ("round", "committed"), ("revoke", 0)),
            *(("bar", 0), ("bar", 1)),
        ],
        ["BarsExcused", "BarsExcused"],
    ),
    "reviewers go back, to what is an ancestor and to what is retired, while a round runs or not": (
        [
            *(ONE, ONE, TWO, TWO, CLOSED, CLOSED, ("rollback", 1), ("rollback", 2)),
            *(("revoke", 0), ONE, CLOSED, ("rollback", 2), ROUND, ("rollback", 0), ("abort",)),
            *(("suspend",), ("rollback", 0), ("rollback", 0), ("resume",), CLOSED),
        ],
        [
            "RollbackNotAncestor",
            "RollbackNotAncestor",
            "LedgerRoundOpen",
            "RollbackNotAncestor",
        ],
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_every_answer_in_a_named_history_is_the_contracts(moving_world: World, name: str) -> None:
    history, refused = NAMED[name]
    run = RandomHistory(moving_world)
    run.run(history)
    assert run.refused == refused
    compare(run, random.Random(1))


@settings(
    max_examples=4,
    phases=[Phase.explicit, Phase.generate],  # shrinking on a chain takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(acts, min_size=6, max_size=20), choices=st.randoms())
def test_every_answer_in_a_random_history_is_the_contracts(
    moving_world: World, history: list[Act], choices: random.Random
) -> None:
    run = RandomHistory(moving_world)
    run.run(history)
    compare(run, choices)


def compare(run: RandomHistory, choices: random.Random) -> None:
    """Replays the study's events and asks both sides the same, at many blocks and times."""
    chain = run.world.chain()
    state = StudyState.replay(chain.events_of((0, run.study)), run.study)
    last = chain.head().number
    own = sorted({moment.block for moment in state.history.moments if moment.time >= run.start})
    asking = {*own[-6:], *choices.sample(own, min(6, len(own))), last}
    edges = sorted(
        {
            run.start + edge + step
            for start in STARTS
            for edge in (start, APPROVAL, *(start + length for length in LENGTHS))
            for step in (-1, 0)
        }
        | {entry.approved_until + step for entry in state.history.standings for step in (-1, 0)}
    )
    for block in (*own, last):
        then = state.state_at(block, chain.block(block).timestamp)
        for site in run.sites:
            _compare_site(run, chain, then, site.address, block)
        if block in asking:
            _compare_study(run, chain, then, block)
            for site in run.sites:
                for asked in ASKED:
                    at = choices.choice(edges)
                    _compare_active(run, chain, then, site.address, asked, at, block)
    now = state.state_at(last, chain.head().timestamp)
    for site in run.sites:
        for at in edges:
            for asked in (int(TRAINED), choices.choice(ASKED)):
                _compare_active(run, chain, now, site.address, asked, at, last)
    for tokens in state.history.tokens.values():
        for token in tokens:
            at, asked = choices.choice(edges), choices.choice(ASKED)
            found = now.is_consent_active(token.token_id, asked, at)
            assert found == chain.consent.is_consent_active(token.token_id, asked, at, block=last)


def _compare_study(run: RandomHistory, chain: Chain, then: StudyState, block: int) -> None:
    registry, ledger, study = chain.registry, chain.ledger, run.study
    wanted, found = registry.standing(study, block=block), then.standing
    assert then.is_usable == wanted.usable == registry.is_usable(study, block=block)
    if found is not None:
        assert (
            found.current_version,
            found.consent_version,
            found.suspensions,
            found.approved_until,
            found.disease,
        ) == (
            wanted.current_version,
            wanted.consent_version,
            wanted.suspensions,
            wanted.approved_until,
            wanted.disease,
        )
    assert list(then.reviewers) == list(registry.reviewers(study, block=block))
    assert then.charged_aborts() == ledger.charged_aborts(study, block=block)
    assert then.base_round == ledger.last_closed(study, block=block)
    for number in then.history.rounds:
        assert then.is_retired(number) == ledger.is_retired(study, number, block=block)
    for since in (0, run.start, then.time - 1, then.time):
        over = then.rounds_over(since)
        for count in (0, 1, 2, 3):
            asked = ledger.rounds_over(study, since, count, block=block)
            assert asked == (over >= count), (since, count)


def _compare_site(
    run: RandomHistory, chain: Chain, then: StudyState, site: str, block: int
) -> None:
    consent, study = chain.consent, run.study
    assert then.minted_count(site) == consent.minted_count(study, site, block=block)
    assert then.unburned_count(site) == consent.unburned_count(study, site, block=block)
    assert then.epoch(site) == consent.epoch(study, site, block=block)
    assert then.epoch_moved_at(site) == consent.epoch_moved_at(study, site, block=block)
    assert then.barred_for(site) == chain.ledger.barred_for(study, site, block=block)
    assert then.times_barred(site) == chain.ledger.times_barred(study, site, block=block)


def _compare_active(
    run: RandomHistory, chain: Chain, then: StudyState, site: str, asked: int, at: int, block: int
) -> None:
    answers = chain.consent.all_active_tokens(run.study, site, asked, at, block=block)
    assert then.active_indices(site, asked, at) == list(answers), (asked, at, block)


@pytest.mark.parametrize("token_id", [0, 1 << 192, (1 << 256) - 1])
def test_a_token_that_never_was_is_not_active(module_world: World, token_id: int) -> None:
    study = module_world.approved_study()
    chain = module_world.chain()
    state = StudyState.replay(chain.events_of((0, study)), study)
    assert not state.is_consent_active(token_id, int(PURPOSES), module_world.now)
    assert not chain.consent.is_consent_active(token_id, int(PURPOSES), module_world.now)
