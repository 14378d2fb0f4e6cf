"""Sites that do not deliver or answer: clients, and signed acts that anyone carries."""

from __future__ import annotations

import dataclasses
import json

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.errors import (
    BarsAlreadyBarred,
    BarsDeliveryRecorded,
    BarsExcused,
    BarsSignatureInvalid,
    ChallengeNotEntitled,
    ChallengePending,
    LedgerDeliveryInvalid,
    LedgerPausedByAborts,
    LedgerSiteBarred,
)
from chain.events import Answered, Barred, Challenged, DeliveryRecorded, Faulted, Readmitted
from chain.messages import Challenge, ChallengeRecord, Readmission
from chain.signed_act import SignedAct
from tests.audit.acts import resume
from tests.world import World, sha256

NOTHING = bytes(32)


class Study:
    """One in which every site has a patient."""

    def __init__(self, world: World, **changes: int) -> None:
        self.world, self.number = world, world.approved_study(**changes)
        self.holders = [Account.create() for _ in world.sites]
        self.tokens = [
            world.give_consent(self.number, site, holder)
            for site, holder in zip(world.sites, self.holders, strict=True)
        ]
        self.ledger = world.chain(world.coordinator).ledger

    def sealed(self) -> int:
        round_ = self.world.open_round(self.number)
        for site in self.world.sites:
            if not self.ledger.barred_for(self.number, site.address):
                self.world.commit(self.number, round_, site)
        self.ledger.seal(self.number, round_)
        return round_

    def aborted(self) -> int:
        round_ = self.sealed()
        self.ledger.abort(self.number, round_)
        return round_

    def carry(self, message: Challenge | Readmission, key: LocalAccount) -> None:
        chain = self.world.chain()
        act = SignedAct.sign(message, chain.ledger.domain, key)
        SignedAct.parse(json.dumps(act.to_json()).encode()).carry(chain)


def test_a_member_that_did_not_deliver_is_barred_until_a_reviewer_readmits_it(
    world: World,
) -> None:
    study = Study(world)
    ledger, number = study.ledger, study.number
    silent, kept = world.sites[0], world.sites[1]
    round_ = study.sealed()
    masked = sha256("masked")
    recorded = world.chain(kept).ledger.record_delivery(number, round_, masked)
    assert recorded.event(DeliveryRecorded).masked_hash == masked
    assert ledger.delivery_of(number, round_, kept.address) == masked
    assert ledger.delivery_of(number, round_, silent.address) == NOTHING
    world.pass_time(1800)
    with pytest.raises(BarsDeliveryRecorded):
        ledger.bar(number, round_, kept.address)
    barred = ledger.bar(number, round_, silent.address).event(Barred)
    assert (barred.site, barred.times) == (silent.address, 1)
    assert ledger.barred_for(number, silent.address) == round_
    assert ledger.times_barred(number, silent.address) == 1
    assert ledger.times_barred(number, kept.address) == 0

    ledger.abort(number, round_)
    following = world.open_round(number)
    with pytest.raises(LedgerSiteBarred) as refused:
        world.commit(number, following, silent)
    assert (refused.value.site, refused.value.round) == (silent.address, round_)

    readmission = Readmission(number, silent.address, 1)
    with pytest.raises(BarsSignatureInvalid):
        study.carry(Readmission(number, silent.address, 2), world.reviewers[0])
    study.carry(readmission, world.reviewers[0])
    assert ledger.barred_for(number, silent.address) == 0
    assert ledger.times_barred(number, silent.address) == 1
    world.commit(number, following, silent)
    with pytest.raises(BarsAlreadyBarred):
        ledger.bar(number, round_, silent.address)


def test_a_readmission_lifts_no_later_bar_of_the_same_round_or_another(world: World) -> None:
    study = Study(world)
    ledger, number, reviewers = study.ledger, study.number, world.reviewers
    site = world.sites[0]
    first = study.sealed()
    world.pass_time(1800)
    ledger.bar(number, first, site.address)
    ledger.abort(number, first)
    study.carry(Challenge(number, first, site.address, 0), reviewers[0])
    world.pass_time(1800)
    lifting = Readmission(number, site.address, 1)
    study.carry(lifting, reviewers[0])
    assert ledger.fault(number, first, site.address, 0).event(Barred).times == 2
    with pytest.raises(BarsSignatureInvalid):
        study.carry(lifting, reviewers[0])  # whoever kept it
    study.carry(Readmission(number, site.address, 2), reviewers[0])

    second = study.sealed()
    world.pass_time(1800)
    assert ledger.bar(number, second, site.address).event(Barred).times == 3
    for times in (1, 2):
        with pytest.raises(BarsSignatureInvalid):
            study.carry(Readmission(number, site.address, times), reviewers[0])
    assert ledger.barred_for(number, site.address) == second


@pytest.mark.parametrize("excuse", ["suspended", "suspended and resumed", "amended"])
def test_a_study_that_was_stopped_or_amended_since_the_seal_bars_nobody(
    world: World, excuse: str
) -> None:
    study = Study(world)
    round_, site = study.sealed(), world.sites[0].address
    world.pass_time(1800)
    if excuse == "amended":
        registry = world.chain(world.sponsor).registry
        terms = registry.terms(study.number, 1)
        registry.propose_version(study.number, dataclasses.replace(terms, min_cohort=2))
        world.approve(study.number, 2)
    else:
        world.chain(world.reviewers[0]).registry.suspend(study.number)
    if excuse == "suspended and resumed":
        resume(world, study.number, world.reviewers[:2])
    with pytest.raises(BarsExcused) as refused:
        study.ledger.bar(study.number, round_, site)
    assert (refused.value.round, refused.value.site) == (round_, site)
    assert study.ledger.times_barred(study.number, site) == 0


def test_a_round_closes_with_the_delivery_that_is_on_record_or_not_at_all(world: World) -> None:
    study = Study(world)
    round_ = study.sealed()
    site = world.sites[0]
    world.chain(site).ledger.record_delivery(study.number, round_, sha256("another vector"))
    with pytest.raises(LedgerDeliveryInvalid) as refused:
        world.close(study.number, round_)
    assert refused.value.site == site.address


def test_a_holder_asks_and_the_site_answers(world: World) -> None:
    study = Study(world)
    number, site, token = study.number, world.sites[0], study.tokens[0]
    round_ = study.aborted()
    ledger = world.chain(site).ledger
    asking = Challenge(number, round_, site.address, token)
    with pytest.raises(ChallengeNotEntitled):
        study.carry(asking, study.holders[1])
    study.carry(asking, study.holders[0])
    standing = ledger.challenge_of(number, round_, site.address, token)
    assert standing == ChallengeRecord(standing.answer_by, False, NOTHING)
    assert standing.answer_by > world.now
    answer = ledger.answer(number, round_, token, sha256("receipt"))
    assert answer.event(Answered).answer_hash == sha256("receipt")
    assert ledger.challenge_of(number, round_, site.address, token).answer_hash == sha256("receipt")


def test_a_site_that_does_not_answer_a_reviewer_is_barred(world: World) -> None:
    study = Study(world)
    number, site = study.number, world.sites[0]
    round_ = study.aborted()
    chain = world.chain()
    message = Challenge(number, round_, site.address, 0)
    act = SignedAct.sign(message, chain.ledger.domain, world.reviewers[2])
    assert act.carry(chain).event(Challenged).token_id == 0
    with pytest.raises(ChallengePending):
        chain.ledger.fault(number, round_, site.address, 0)
    world.pass_time(600)
    receipt = chain.ledger.fault(number, round_, site.address, 0)
    assert (receipt.event(Faulted).site, receipt.event(Barred).site) == (site.address,) * 2
    assert receipt.event(Barred).times == 1
    assert chain.ledger.challenge_of(number, round_, site.address, 0).faulted
    readmission = Readmission(number, site.address, 1)
    act = SignedAct.sign(readmission, chain.ledger.domain, world.reviewers[1])
    assert act.carry(chain).event(Readmitted).reviewer == world.reviewers[1].address


def test_charged_aborts_pause_a_study(world: World) -> None:
    study = Study(world, max_charged_aborts=2)
    ledger, number = study.ledger, study.number
    assert ledger.charged_aborts(number) == 0
    assert ledger.rounds_over(number, 0, 0)
    assert not ledger.rounds_over(number, 0, 1)
    for count in (1, 2):
        study.aborted()
        assert ledger.charged_aborts(number) == count
        assert ledger.rounds_over(number, 0, count)
    with pytest.raises(LedgerPausedByAborts) as paused:
        ledger.open(number)
    assert paused.value.aborts == 2
