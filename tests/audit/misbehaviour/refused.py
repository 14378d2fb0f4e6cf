"""Lies that the contracts refuse by name, and answers that somebody lied to can get elsewhere."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from audit.cid import sha256
from audit.cohort import Status
from chain import errors
from chain.messages import (
    Closure,
    Delivery,
    Revocation,
    RoundState,
    approval_for,
    enrolment_proof,
    signer_of_account,
)
from study.receipt import Receipt, ReceiptInvalid
from tests.audit.acts import replace_reviewer, resume
from tests.audit.misbehaviour.kinds import Collection, Who
from tests.audit.misbehaviour.stage import Stage

refused_lies = Collection()
refused, answered = refused_lies.refused, refused_lies.answered
COORDINATOR, SITE, RELAYER = Who.COORDINATOR, Who.SITE, Who.RELAYER


@refused(COORDINATOR, "opens a second round beside the first", errors.LedgerRoundOpen)
def second_round_at_once(s: Stage) -> object:
    return s.coordinator.ledger.open(s.open.number)


@refused(Who.CHAIN, "opens a round in the coordinator's place", errors.LedgerNotCoordinator)
def round_opened_by_another(s: Stage) -> object:
    return s.as_(s.last).ledger.open(s.sealed.number)


@refused(
    COORDINATOR, "seals early although a consent was withdrawn since", errors.LedgerNotAllCurrent
)
def early_seal_with_an_outdated_commitment(s: Stage) -> object:
    return s.coordinator.ledger.seal(s.open.number, 2)


@refused(SITE, "seals before the deadline without the coordinator", errors.LedgerTooEarly)
def early_seal_by_another(s: Stage) -> object:
    return s.as_(s.first).ledger.seal(s.open.number, 2)


@refused(COORDINATOR, "seals a closed round again", errors.LedgerWrongState)
def closed_round_sealed_again(s: Stage) -> object:
    return s.coordinator.ledger.seal(s.open.number, 1)


@refused(COORDINATOR, "bars a site before its delivery was due", errors.LedgerTooEarly)
def site_barred_too_early(s: Stage) -> object:
    return s.coordinator.ledger.bar(s.sealed.number, 1, s.first.address)


def closed(s: Stage, drop: int = 0, forge: bool = False, other: bool = False) -> object:
    """The coordinator closes the sealed round; a delivery less, a delivery that it signed itself,
    or a close that another signed.
    """
    ledger, study = s.coordinator.ledger, s.sealed.number
    digest = ledger.round(study, 1).seal_digest
    keys = {str(site.address): site for site in s.world.sites}
    members = ledger.members(study, 1)[drop:]
    masked = [sha256(member.encode()) for member in members]
    signed = [
        Delivery(digest, value).sign(keys[member], ledger.domain)
        for member, value in zip(members, masked, strict=True)
    ]
    if forge:
        signed[0] = Delivery(digest, masked[0]).sign(s.world.coordinator, ledger.domain)
    closure = Closure(digest, sha256(b"checkpoint"), sha256(b"manifest"))
    signer = s.world.sponsor if other else s.world.coordinator
    return ledger.close(
        study,
        1,
        closure.checkpoint_hash,
        closure.manifest_hash,
        masked,
        signed,
        closure.sign(signer, ledger.domain),
    )


@refused(COORDINATOR, "closes without one member", errors.LedgerDeliveryCountMismatch)
def close_without_a_member(s: Stage) -> object:
    return closed(s, drop=1)


@refused(COORDINATOR, "closes with a vector that it signed itself", errors.LedgerDeliveryInvalid)
def close_with_a_vector_of_its_own(s: Stage) -> object:
    return closed(s, forge=True)


@refused(Who.SPONSOR, "signs a close in the coordinator's place", errors.LedgerClosureInvalid)
def close_by_another(s: Stage) -> object:
    return closed(s, other=True)


@refused(SITE, "commits more patients than it has tokens", errors.LedgerCohortNotBorneOut)
def cohort_not_borne_out(s: Stage) -> object:
    return s.commit(cohort_size=4)


@refused(SITE, "commits fewer patients than the minimum", errors.LedgerCohortTooSmall)
def cohort_below_the_minimum(s: Stage) -> object:
    return s.commit(cohort_size=1)


@refused(SITE, "commits with another epoch than its own", errors.LedgerEpochMoved)
def commitment_with_another_epoch(s: Stage) -> object:
    return s.commit(epoch=1)


@refused(SITE, "names a block hash that never was", errors.LedgerBlockNotKnown)
def commitment_with_a_block_that_never_was(s: Stage) -> object:
    return s.commit(block_hash=b"\x33" * 32)


@refused(SITE, "commits a mask key that gives nobody a secret", errors.LedgerKeyMissing)
def mask_key_of_low_order(s: Stage) -> object:
    return s.commit(mask_key=b"\1" + bytes(31))


@refused(SITE, "uses its mask key a second time", errors.LedgerKeyReused)
def mask_key_reused(s: Stage) -> object:
    used = s.coordinator.ledger.commitment_of(s.open.number, 1, s.last.address)
    return s.commit(mask_key=used.mask_key)


@refused(SITE, "overwrites its commitment without saying so", errors.LedgerAttemptNotNext)
def attempt_out_of_turn(s: Stage) -> object:
    return s.commit(attempt=2)


@refused(SITE, "commits after the seal", errors.LedgerWrongState)
def commitment_after_the_seal(s: Stage) -> object:
    return s.as_(s.last).ledger.commit(s.sealed.number, 1, s.commitment(attempt=2))


@refused(COORDINATOR, "commits in a site's place", errors.LedgerSiteNotInStudy)
def commitment_by_no_site(s: Stage) -> object:
    return s.coordinator.ledger.commit(s.open.number, 2, s.commitment())


def granted(s: Stage, record: str, alter: bool = False, **changes: object) -> object:
    """A stranger's consent at the first site, for a record."""
    world, holder = s.world, s.stranger()
    enrolment = world.enrol(s.open.number, s.first, holder.address, record)
    grant = world.grant_for(enrolment, **changes)
    signature = grant.sign(holder, world.chain().consent.domain)
    if alter:
        grant = replace(grant, purposes=grant.purposes << 1)
    proof = enrolment_proof(
        enrolment,
        enrolment.sign(world.enrolment_keys[s.first.address], world.chain().consent.domain),
    )
    signer = signer_of_account(holder.address)
    return world.chain().consent.grant_by_sig(grant, signer, signature, proof)


@refused(RELAYER, "alters the purposes in a grant that it carries", errors.ConsentSignatureInvalid)
def grant_altered_by_its_carrier(s: Stage) -> object:
    return granted(s, "somebody", alter=True)


@refused(RELAYER, "carries a revocation to another token", errors.ConsentSignatureInvalid)
def revocation_of_another_token(s: Stage) -> object:
    consent, (_, holder) = s.world.chain().consent, s.withdrawn
    signature = Revocation(s.withdrawn[0]).sign(holder, consent.domain)
    owner = signer_of_account(s.live[1].address)
    return consent.revoke_by_sig(s.live[0], owner, signature)


@refused(RELAYER, "grants in a holder's place", errors.ConsentSignatureInvalid)
def grant_signed_by_another(s: Stage) -> object:
    world, holder = s.world, s.stranger()
    enrolment = world.enrol(s.open.number, s.first, holder.address, "another")
    return world.carry_grant(world.grant_for(enrolment), s.world.sponsor, enrolment)


@refused(Who.PATIENT, "claims a record that has a live token", errors.ConsentRecordHasToken)
def record_claimed_twice(s: Stage) -> object:
    return granted(s, s.live[1].address)


@refused(Who.PATIENT, "comes back before the rounds are over", errors.ConsentRecordWaiting)
def record_that_does_not_wait(s: Stage) -> object:
    s.world.wait(1)  # an enrolment is issued later than the revocation that it follows
    return s.world.give_consent(s.open.number, s.first, s.withdrawn[1])


@refused(RELAYER, "submits a grant from before a revocation", errors.ConsentGrantVoid)
def grant_that_a_revocation_voided(s: Stage) -> object:
    world, holder = s.world, s.withdrawn[1]
    enrolment = world.enrol(s.open.number, s.first, holder.address, "yet another")
    return world.carry_grant(world.grant_for(enrolment, revocation_counter=0), holder, enrolment)


@refused(SITE, "enrols with a key that is not its own", errors.ConsentEnrolmentInvalid)
def enrolment_by_another(s: Stage) -> object:
    world, holder = s.world, s.stranger()
    enrolment = world.enrol(s.open.number, s.first, holder.address, "a record")
    domain = world.chain().consent.domain
    grant, key = world.grant_for(enrolment), world.enrolment_keys[s.last.address]
    proof = enrolment_proof(enrolment, enrolment.sign(key, domain))
    signer = signer_of_account(holder.address)
    return world.chain().consent.grant_by_sig(grant, signer, grant.sign(holder, domain), proof)


@refused(Who.SPONSOR, "approves with a signature of its own", errors.RegistrySignatureInvalid)
def approval_with_anothers_signature(s: Stage) -> object:
    return _approved(s, s.world.reviewers[2].address)


@refused(Who.SPONSOR, "approves itself", errors.RegistryNotReviewer)
def approval_by_no_reviewer(s: Stage) -> object:
    return _approved(s, s.world.sponsor.address)


def _approved(s: Stage, reviewer: str) -> object:
    registry, study = s.world.chain().registry, s.open.number
    until = s.world.now + 3600
    message = approval_for(study, 1, registry.terms(study, 1), until)
    signature = message.sign(s.world.sponsor, registry.domain)
    return registry.approve(study, 1, until, signer_of_account(reviewer), signature)


@refused(Who.REVIEWER, "replaces another alone", errors.RegistryQuorumNotReached)
def reviewer_replaced_by_one(s: Stage) -> object:
    one, two = s.world.reviewers[:2]
    study, incoming = s.open.number, s.stranger().address
    return replace_reviewer(s.world, study, two.address, incoming, [one])


@refused(Who.REVIEWER, "resumes what is not suspended", errors.RegistryNotSuspended)
def resumed_out_of_turn(s: Stage) -> object:
    return resume(s.world, s.open.number, s.world.reviewers[:2])


@refused(
    Who.SPONSOR, "proposes terms that leave a single site's noise", errors.RegistryTermsInvalid
)
def terms_without_enough_noise(s: Stage) -> object:
    registry = s.as_(s.world.sponsor).registry
    terms = registry.terms(s.open.number, 1)
    lone = dataclasses.replace(terms, tolerated_colluders=terms.min_sites - 1)
    return registry.propose_version(s.open.number, lone)


@refused(Who.SPONSOR, "sits on the committee of its study", errors.RegistrySponsorCannotReview)
def sponsor_that_reviews(s: Stage) -> object:
    registry = s.as_(s.world.sponsor).registry
    seats = [s.world.sponsor.address, s.world.reviewers[0].address]
    return registry.propose_study(seats, 2, registry.terms(s.open.number, 1))


RECEIPT = "`study.receipt`, which `assent patient open-receipt` uses"


@answered(SITE, "gives a receipt of another status than it committed to", RECEIPT)
def receipt_with_another_status(s: Stage) -> None:
    good = s.receipt()
    assert "your record was counted in it" in good.verify(s.coordinator)
    renamed = replace(good, status=Status.EXPIRED)
    with pytest.raises(ReceiptInvalid, match="path does not lead"):
        Receipt.parse(renamed.to_bytes())


@answered(SITE, "gives a receipt of a cohort tree that it never committed to", RECEIPT)
def receipt_of_another_tree(s: Stage) -> None:
    whole = Receipt.parse(s.receipt(Status.REVOKED).to_bytes())
    with pytest.raises(ReceiptInvalid, match="committed to another cohort"):
        whole.verify(s.coordinator)


@answered(SITE, "gives the receipt of another round", RECEIPT)
def receipt_of_another_round(s: Stage) -> None:
    moved = replace(s.receipt(), round_number=2)
    with pytest.raises(ReceiptInvalid, match="path does not lead"):
        Receipt.parse(moved.to_bytes())
    with pytest.raises(ReceiptInvalid, match="committed to another cohort"):
        moved.verify(s.coordinator)


@answered(
    Who.SERVICE,
    "says that a withdrawn consent is active",
    "`isConsentActive` at the block that the answer names, as `assent patient status` asks it",
)
def service_that_lies_about_a_consent(s: Stage) -> None:
    chain, (token, _) = s.coordinator, s.withdrawn
    block = chain.head()
    purposes = chain.registry.terms(s.open.number, 1).purposes
    active = chain.consent.is_consent_active(token, purposes, block.timestamp, block=block.number)
    assert active is False
    assert chain.consent.consent(token, block=block.number).revoked_at > 0


@answered(
    Who.SERVICE,
    "says that a closed round was aborted",
    "`RoundLedger.round` at the block that the answer names, as `assent status` asks it",
)
def service_that_lies_about_a_round(s: Stage) -> None:
    ledger, block = s.coordinator.ledger, s.coordinator.head().number
    assert ledger.round(s.open.number, 1, block=block).state == RoundState.CLOSED


@answered(
    Who.SERVICE,
    "says that less privacy is spent than was charged",
    "`RoundLedger.rhoSpent` at the block that the answer names, as `assent status` asks it",
)
def service_that_lies_about_the_budget(s: Stage) -> None:
    ledger, study = s.coordinator.ledger, s.open.number
    assert ledger.rho_spent(study) == ledger.rho_of_round(study, 1) > 0


@answered(
    Who.SERVICE,
    "takes a revocation and does not carry it",
    "the contract, which takes the same signature from anybody (`assent patient revoke`)",
)
def service_that_withholds_a_revocation(s: Stage) -> None:
    study, site = s.sealed, s.world.sites[1]
    token, holder = study.patient(site)
    consent = s.world.chain().consent
    signature = Revocation(token).sign(holder, consent.domain)
    purposes = study.chain.registry.terms(study.number, 1).purposes
    assert consent.is_consent_active(token, purposes, s.world.now)  # until somebody carries it
    by_anybody = s.as_(s.world.accounts[30]).consent
    by_anybody.revoke_by_sig(token, signer_of_account(holder.address), signature)
    assert not consent.is_consent_active(token, purposes, s.world.now)
