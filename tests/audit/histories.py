"""Studies with much in them, as bundles for tests that read them; both move the node's clock."""

from __future__ import annotations

import dataclasses

from eth_account import Account
from eth_account.signers.local import LocalAccount

from audit.cid import sha256
from chain.deploy import WEEK
from chain.messages import Execution, Purpose
from tests.audit.acts import approve, challenge, readmit, replace_reviewer, roll_back, signers
from tests.audit.real_study import RealStudy
from tests.world import YEAR, World


def eventful_study(world: World) -> RealStudy:
    """A study with an event of every kind, and nothing wrong in it; moves the node's clock.

    Round 1 closes, with one delivery on record; a patient revokes and another comes. Round 2 is
    sealed, a patient revokes, it is aborted, and a site is barred. The first record comes back. The
    committee changes, renews its approval, suspends and resumes. In round 3, without the barred
    site, a patient revokes after the commitment and the site recommits; it closes, and is asked
    about; the reviewers go back to round 1. Round 4 is aborted before its seal. A second, tighter
    version comes into force and round 5 closes under it; a third, looser one needs every consent
    anew. Sites change keys, and new studies go elsewhere.
    """
    study = RealStudy(world, {"waiting_rounds": 1, "max_charged_aborts": 1})
    patients = {site.address: [study.patient(site) for _ in range(4)] for site in world.sites}
    one, two, three = world.sites[:3]
    study.patient(one, purposes=Purpose.EVALUATION, disease=0)
    study.patient(two, use_end=world.now + 600)
    study.close(study.commit_and_seal(), on_record=[two])
    away = patients[one.address].pop()
    study.revoke(away)
    world.pass_time(1)  # a round counts as sat out when it is opened later than the revocation
    patients[one.address].append(study.patient(one))

    second = study.commit_and_seal()
    study.revoke(patients[two.address].pop())
    world.pass_time(1800)
    study.chain.ledger.bar(study.number, second, three.address)
    study.chain.ledger.abort(study.number, second)
    study.come_back(one, away[1])
    change_committee(study)
    study.suspend_and_resume()

    third = study.open()
    for site in world.sites:
        if site != three:
            study.commit(third, site)
    study.revoke(patients[two.address].pop())
    study.commit(third, two)
    study.seal(third)
    study.close(third)
    ask_and_answer(study, third, two, patients[two.address][0])
    readmit(world, study.number, three.address, world.reviewers[0])
    roll_back(world, study.number, 1, world.reviewers[1:])

    fourth = study.open()
    study.commit(fourth, one)
    study.chain.ledger.abort(study.number, fourth)

    terms = study.chain.registry.terms(study.number, 1)
    study.next_version(dataclasses.replace(terms, min_sites=3, commit_seconds=900))
    study.round()
    looser = dataclasses.replace(terms, delta=terms.delta + 1)
    study.next_version(looser)
    study.come_back(one, patients[one.address][0][1])
    world.chain(three).registry.rotate_enrolment_key(Account.create().address)
    record_successor(world)
    return study


def contested_study(world: World) -> RealStudy:
    """One closed round about which three sites were asked and none answered; moves the clock.

    The first was found at fault and barred, the second's fault is not on record, and the third
    still has time.
    """
    study = RealStudy(world, {"answer_seconds": 600, "challenge_seconds": 10**6})
    patients = {site.address: [study.patient(site) for _ in range(2)] for site in world.sites}
    one, two, three = world.sites[:3]
    asked = study.round()
    reviewer, (token, holder) = world.reviewers[0], patients[two.address][0]
    challenge(world, study.number, asked, one.address, 0, reviewer)
    challenge(world, study.number, asked, two.address, token, holder)
    world.pass_time(600)
    study.chain.ledger.fault(study.number, asked, one.address, 0)
    challenge(world, study.number, asked, three.address, 0, reviewer)
    return study


def change_committee(study: RealStudy) -> None:
    """The third reviewer leaves, and the two who stay renew their approval."""
    world, incoming = study.world, study.world.accounts[20].address
    outgoing = world.reviewers[2]
    replace_reviewer(world, study.number, outgoing.address, incoming, world.reviewers[:2])
    world.reviewers = (*world.reviewers[:2], world.accounts[20])
    for reviewer in world.reviewers[:2]:
        approve(world, study.number, 1, reviewer, world.now + YEAR)


def ask_and_answer(
    study: RealStudy, round_: int, site: LocalAccount, patient: tuple[int, LocalAccount]
) -> None:
    """A reviewer asks for a replay and a holder for the receipt; the site answers both."""
    world, (token, holder) = study.world, patient
    challenge(world, study.number, round_, site.address, 0, world.reviewers[1])
    challenge(world, study.number, round_, site.address, token, holder)
    for asked in (0, token):
        answer = sha256(f"answer about {asked}".encode())
        world.chain(site).ledger.answer(study.number, round_, asked, answer)


def record_successor(world: World) -> None:
    """Two of the three governors announce it, and name it a week later."""
    chain = world.chain()
    naming = chain.registry.record_successor_call(Account.create().address)
    registry, authority = world.deployment.registry, world.deployment.authority
    carry(world, chain.consortium.announcement(authority, registry, naming))
    world.pass_time(WEEK)
    carry(world, chain.consortium.execution(registry, naming))


def carry(world: World, execution: Execution) -> None:
    consortium, members = world.chain().consortium, world.governors[:2]
    signatures = [execution.sign(member, consortium.domain) for member in members]
    consortium.execute(execution, signers(members), signatures)
