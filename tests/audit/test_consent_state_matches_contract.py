"""The offline predicate and counts are the contract's, over random histories on a real chain."""

from __future__ import annotations

import dataclasses
import random

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from audit.consent_state import StudyState
from chain.messages import LateRevocation, Resumption, Terms, signer_of_account
from tests.world import PURPOSES, World

STARTS = (0, 50, 5000)
LENGTHS = (60, 5000, 10**6)
PURPOSE_SETS = (PURPOSES, 1, PURPOSES | 2)

grants = st.tuples(
    st.just("grant"),
    st.integers(0, 1),
    st.sampled_from(STARTS),
    st.sampled_from(LENGTHS),
    st.sampled_from(PURPOSE_SETS),
)
acts = st.one_of(
    grants,
    grants,
    st.tuples(st.just("revoke"), st.integers(0, 30)),
    st.just(("suspend",)),
    st.just(("resume",)),
    st.sampled_from([("version", "tighter"), ("version", "looser")]),
)


class History:
    """Runs acts on a study of its own; an act that makes no sense at its place is passed over."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sites = world.sites[:2]
        self.study = world.approved_study()
        self.live: list[tuple[int, LocalAccount]] = []
        self.start = world.now

    @property
    def suspended(self) -> bool:
        return self.world.chain().registry.study(self.study).suspended

    def run(self, act: tuple[object, ...]) -> None:
        kind, *arguments = act
        getattr(self, f"_{kind}")(*arguments)

    def _grant(self, site: int, start: int, length: int, purposes: int) -> None:
        if self.suspended:
            return
        holder = Account.create()
        use_start = self.start + start
        token = self.world.give_consent(
            self.study,
            self.sites[site],
            holder,
            purposes=purposes,
            use_start=use_start,
            use_end=use_start + length,
        )
        self.live.append((token, holder))

    def _revoke(self, which: int) -> None:
        if self.live:
            self.world.revoke(*self.live.pop(which % len(self.live)))

    def _suspend(self) -> None:
        if not self.suspended:
            self.world.chain(self.world.reviewers[0]).registry.suspend(self.study)

    def _resume(self) -> None:
        if not self.suspended:
            return
        registry = self.world.chain().registry
        message = Resumption(self.study, registry.study(self.study).suspensions)
        pair = self.world.reviewers[:2]
        registry.resume(
            self.study,
            [signer_of_account(reviewer.address) for reviewer in pair],
            [message.sign(reviewer, registry.domain) for reviewer in pair],
        )

    def _version(self, kind: str) -> None:
        registry = self.world.chain(self.world.sponsor).registry
        study = registry.study(self.study)
        terms = registry.terms(self.study, study.current_version)
        change: Terms
        if kind == "tighter":
            change = dataclasses.replace(terms, min_cohort=terms.min_cohort + 1)
        else:
            change = dataclasses.replace(
                terms, delta=terms.delta + 1, late_revocation=LateRevocation.PROCEED
            )
        registry.propose_version(self.study, change)
        self.world.approve(self.study, study.proposed_version + 1)


ONE = ("grant", 0, 0, 5000, PURPOSES)
OTHER = ("grant", 0, 50, 60, PURPOSES | 2)
NARROW = ("grant", 1, 0, 60, 1)
EVERYTHING = [ONE, OTHER, NARROW, ("revoke", 0), ONE, ("version", "tighter"), OTHER]


@example([*EVERYTHING, ("suspend",)], random.Random(1))
@example([*EVERYTHING, ("version", "looser"), ONE, ("revoke", 1)], random.Random(2))
@settings(
    max_examples=3,
    phases=[Phase.explicit, Phase.generate],  # shrinking on a chain takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(acts, min_size=4, max_size=12), choices=st.randoms())
def test_every_answer_is_the_contracts_at_every_block(
    module_world: World, history: list[tuple[object, ...]], choices: random.Random
) -> None:
    run = History(module_world)
    for act in history:
        run.run(act)
    chain = module_world.chain()
    state = StudyState.replay(chain.events_of((0, run.study)), run.study)
    last = chain.head().number
    blocks = sorted({moment.block for moment in state.history.moments[-8:]} | {last})
    edges = [
        run.start + edge + step
        for start in STARTS
        for edge in (start, *(start + length for length in LENGTHS))
        for step in (-1, 0)
    ]
    for block in blocks:
        then = state.state_at(block)
        assert then.is_usable == chain.registry.is_usable(run.study, block=block)
        at = choices.choice(edges)
        asked = choices.choice([0, 1, int(PURPOSES), 1 << 63])
        for site in run.sites:
            name = site.address
            answers = chain.consent.all_active_tokens(run.study, name, asked, at, block=block)
            assert then.active_indices(name, asked, at) == list(answers)
            counts = (then.minted_count(name), then.unburned_count(name), then.epoch(name))
            assert counts == (
                chain.consent.minted_count(run.study, name, block=block),
                chain.consent.unburned_count(run.study, name, block=block),
                chain.consent.epoch(run.study, name, block=block),
            )
            time = chain.block(choices.choice(blocks)).timestamp
            found = then.epoch_at(name, time)
            assert found == chain.consent.epoch_at(run.study, name, time, block=block)
    for site in run.sites:
        for at in edges:
            for asked in (1, int(PURPOSES)):
                answers = chain.consent.all_active_tokens(
                    run.study, site.address, asked, at, block=last
                )
                assert state.active_indices(site.address, asked, at) == list(answers)
    for tokens in state.history.tokens.values():
        for token in tokens:
            at = choices.choice(edges)
            found = state.is_consent_active(token.token_id, int(PURPOSES), at)
            assert found == chain.consent.is_consent_active(token.token_id, int(PURPOSES), at)


@pytest.mark.parametrize("token_id", [0, 1 << 192, (1 << 256) - 1])
def test_a_token_that_never_was_is_not_active(module_world: World, token_id: int) -> None:
    study = module_world.approved_study()
    chain = module_world.chain()
    state = StudyState.replay(chain.events_of((0, study)), study)
    assert not state.is_consent_active(token_id, int(PURPOSES), module_world.now)
    assert not chain.consent.is_consent_active(token_id, int(PURPOSES), module_world.now)
