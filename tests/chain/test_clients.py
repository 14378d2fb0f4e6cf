"""The typed clients: each function's values come back as they went in."""

import dataclasses

import pytest
from eth_account import Account
from web3 import Web3

from chain.artifacts import artifact
from chain.clients.consent import PAGE_SIZE
from chain.errors import (
    ConsentEnrolmentVoid,
    ConsentPurposesInvalid,
    ConsentRecordWaiting,
    LedgerApprovalExpires,
    RegistryApprovalExpiryInvalid,
    RegistryApprovalNotLater,
    RegistryQuorumNotReached,
)
from chain.events import (
    Aborted,
    ApprovalExtended,
    Granted,
    Opened,
    Resumed,
    ReviewerReplaced,
    Revoked,
    Suspended,
    VersionProposed,
    decode,
)
from chain.messages import (
    AbortReason,
    GrantRules,
    Purpose,
    Replacement,
    Resumption,
    RoundRules,
    RoundState,
    Standing,
    Suspension,
    enrolment_proof,
    signer_of_account,
    token_id,
)
from chain.signed_act import SignedAct, replace_reviewer
from chain.solidity import members
from tests.world import DISEASE, PURPOSES, YEAR, World, sha256


def test_terms_and_standing_read_back(world: World) -> None:
    study = world.approved_study()
    registry = world.chain().registry
    assert registry.terms(study, 1) == world.terms()
    assert registry.reviewers(study) == [reviewer.address for reviewer in world.reviewers]
    standing = registry.study(study)
    assert (standing.sponsor, standing.threshold) == (world.sponsor.address, 2)
    assert (standing.current_version, standing.suspended) == (1, False)
    assert registry.study_count() == study
    assert registry.is_usable(study)
    assert registry.is_site(study, 1, world.sites[0].address)
    assert not registry.is_site(study, 1, world.sponsor.address)
    site = registry.site(world.sites[0].address)
    assert site.enrolment_key == world.enrolment_keys[world.sites[0].address].address
    assert registry.sites(study, 1) == [site.address for site in world.sites]
    assert registry.is_reviewer(study, world.reviewers[2].address)
    assert not registry.is_reviewer(study, world.sponsor.address)
    looser = world.terms(delta=10**14)
    receipt = world.chain(world.sponsor).registry.propose_version(study, looser)
    assert receipt.event(VersionProposed).terms == looser
    assert registry.study(study).proposed_version == 2


def test_the_rules_that_other_contracts_ask_for_read_back(world: World) -> None:
    study = world.approved_study(waiting_rounds=2)
    registry, site = world.chain().registry, world.sites[0].address
    until = registry.study(study).approved_until
    assert until == registry.approval_of(study, 1, world.reviewers[0].address) > world.now
    assert registry.approval_of(study, 1, world.reviewers[2].address) == 0
    standing = Standing(True, 1, 1, 0, until, DISEASE)
    assert registry.standing(study) == standing
    terms = world.terms(waiting_rounds=2)
    key = world.enrolment_keys[site].address
    rules = GrantRules(standing, registry.terms_hash(study, 1), terms.consent_text_hash, key)
    assert registry.grant_rules(study, site) == rules
    nobodys = registry.grant_rules(study, world.sponsor.address).enrolment_key
    assert int(nobodys, 16) == 0
    shared = [name for name, _ in members(RoundRules)]
    expected = RoundRules(**{name: getattr(terms, name) for name in shared})
    assert registry.round_rules(study, 1) == expected


def test_an_approval_expires_and_is_renewed(world: World) -> None:
    study = world.propose_after_registering()
    soon = world.now + 3600
    world.approve(study, expires_at=soon)
    registry = world.chain().registry
    assert registry.study(study).approved_until == soon
    with pytest.raises(RegistryApprovalNotLater):
        world.approve(study, expires_at=soon)
    with pytest.raises(RegistryApprovalExpiryInvalid) as refused:
        world.approve(study, expires_at=world.now + 2 * YEAR)
    assert refused.value.latest < world.now + 2 * YEAR
    world.pass_time(3000)
    with pytest.raises(LedgerApprovalExpires):
        world.open_round(study)
    world.pass_time(600)
    assert not registry.is_usable(study)
    world.approve(study)
    assert registry.is_usable(study)
    later = registry.study(study).approved_until
    extended = [e for e in map(decode, world.chain().events(study)) if type(e) is ApprovalExtended]
    assert [event.approved_until for event in extended] == [later]
    assert world.open_round(study) == 1


def test_two_reviewers_replace_a_third(world: World) -> None:
    study = world.approved_study()
    chain, incoming = world.chain(), Account.create()
    outgoing = world.reviewers[2]
    message = Replacement(study, 0, outgoing.address, incoming.address)
    acts = [SignedAct.sign(message, chain.registry.domain, key) for key in world.reviewers[:2]]
    with pytest.raises(RegistryQuorumNotReached):
        acts[0].carry(chain)
    event = replace_reviewer(chain, acts).event(ReviewerReplaced)
    assert (event.incoming, event.replacements) == (incoming.address, 1)
    seats = [world.reviewers[0].address, world.reviewers[1].address, incoming.address]
    assert chain.registry.reviewers(study) == seats
    assert chain.registry.study(study).replacements == 1


def test_suspended_and_resumed_by_signature(world: World) -> None:
    study = world.approved_study()
    registry = world.chain().registry
    reviewer, other = world.reviewers[:2]
    stop = Suspension(study, 0).sign(reviewer, registry.domain)
    receipt = registry.suspend_by_sig(study, signer_of_account(reviewer.address), stop)
    assert receipt.event(Suspended).reviewer == reviewer.address
    assert not registry.is_usable(study)

    again = Resumption(study, registry.study(study).suspensions)
    signers = [signer_of_account(account.address) for account in (reviewer, other)]
    signatures = [again.sign(account, registry.domain) for account in (reviewer, other)]
    with pytest.raises(RegistryQuorumNotReached) as short:
        registry.resume(study, signers[:1], signatures[:1])
    assert (short.value.signatures, short.value.threshold) == (1, 2)
    assert registry.resume(study, signers, signatures).event(Resumed).suspensions == 1
    assert registry.is_usable(study)


def test_a_consent_from_grant_to_revocation(world: World) -> None:
    study = world.approved_study()
    site, holder = world.sites[0], Account.create()
    token = world.give_consent(study, site, holder, record="one")
    consent = world.chain().consent
    assert token == token_id(study, site.address, 0)
    kept = consent.consent(token)
    assert (kept.holder, kept.purposes, kept.revoked_at) == (holder.address, PURPOSES, 0)
    assert consent.owner_of(token) == holder.address
    assert consent.live_token_of(study, site.address, sha256("tag of one")) == token
    now = world.now
    assert consent.is_consent_active(token, PURPOSES, now)
    assert not consent.is_consent_active(token, Purpose.EVALUATION, now)
    assert not consent.is_consent_active(token, PURPOSES, now + 2 * YEAR)

    before = world.chain().head().number
    revoked_at = world.chain().block(world.revoke(token, holder).block_number).timestamp
    gone = dataclasses.replace(kept, revoked_at=revoked_at)
    assert consent.consent(token) == gone
    assert consent.consents([token + 1, token])[1] == gone  # nobody has the next one
    assert consent.consents([token], block=before) == [kept]
    assert consent.consents([]) == []
    assert not consent.is_consent_active(token, PURPOSES, now)
    assert consent.is_consent_active(token, PURPOSES, now, block=before)
    assert consent.epoch(study, site.address) == 1
    assert consent.epoch_moved_at(study, site.address) == revoked_at
    assert consent.revocation_counter(holder.address) == 1
    assert (
        consent.minted_count(study, site.address),
        consent.unburned_count(study, site.address),
        consent.unburned_word(study, site.address, 0),
    ) == (1, 0, 0)


def test_a_revocation_voids_enrolments_and_makes_a_record_wait(world: World) -> None:
    study = world.approved_study(waiting_rounds=1)
    site, holder = world.sites[0], Account.create()
    unused = world.enrol(study, site, holder.address, "one")
    token = world.give_consent(study, site, holder, record="one")
    world.revoke(token, holder)
    with pytest.raises(ConsentEnrolmentVoid) as void:
        world.carry_grant(world.grant_for(unused), holder, unused)
    assert void.value.issued_at == unused.issued_at
    world.pass_time(1)
    with pytest.raises(ConsentRecordWaiting) as waiting:
        world.give_consent(study, site, holder, record="one")
    assert (waiting.value.revoked_token_id, waiting.value.waiting_rounds) == (token, 1)
    world.chain(world.coordinator).ledger.abort(study, world.open_round(study))
    assert world.give_consent(study, site, holder, record="one") == token + 1


def test_a_grant_under_newer_terms_takes_the_place_of_its_holders_old_one(world: World) -> None:
    study = world.approved_study()
    site, holder = world.sites[0], Account.create()
    token = world.give_consent(study, site, holder, record="one")
    sponsor = world.chain(world.sponsor).registry
    sponsor.propose_version(study, world.terms(delta=10**14))
    world.approve(study, 2)
    assert not world.chain().consent.is_consent_active(token, PURPOSES, world.now)
    world.pass_time(1)
    enrolment = world.enrol(study, site, holder.address, "one")
    receipt = world.carry_grant(world.grant_for(enrolment), holder, enrolment)
    assert receipt.event(Granted).token_id == token + 1
    assert receipt.event(Revoked).token_id == token
    assert world.chain().consent.is_consent_active(token + 1, PURPOSES, world.now)


def test_a_holder_grants_without_a_carrier(world: World) -> None:
    study = world.approved_study()
    site, holder = world.sites[0], world.accounts[22]
    enrolment = world.enrol(study, site, holder.address, "own")
    consent = world.chain(holder).consent
    key = world.enrolment_keys[site.address]
    proof = enrolment_proof(enrolment, enrolment.sign(key, consent.domain))
    with pytest.raises(ConsentPurposesInvalid):
        consent.grant(world.grant_for(enrolment, disease=0), proof)
    token = consent.grant(world.grant_for(enrolment), proof).event(Granted).token_id
    assert consent.owner_of(token) == holder.address
    assert consent.consent(token).disease == DISEASE


def test_active_tokens_come_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    study = world.approved_study()
    site = world.sites[0]
    holders = [Account.create() for _ in range(7)]
    tokens = [world.give_consent(study, site, holder) for holder in holders]
    world.revoke(tokens[2], holders[2])
    consent, block, now = world.chain().consent, world.chain().head().number, world.now
    assert consent.active_tokens(study, site.address, PURPOSES, now, 0, 3) == ([0, 1], 3)
    assert consent.active_tokens(study, site.address, PURPOSES, now, 6, 3) == ([6], 0)
    for size in (1, 2, 3, 7, 1024):
        monkeypatch.setattr("chain.clients.consent.PAGE_SIZE", size)
        found = consent.all_active_tokens(study, site.address, PURPOSES, now, block=block)
        assert found == [0, 1, 3, 4, 5, 6]
    other = world.sites[1].address
    assert consent.all_active_tokens(study, other, PURPOSES, now, block=block) == []


def test_a_full_page_of_active_tokens_is_within_what_any_node_answers(world: World) -> None:
    study = world.approved_study()
    site, now = world.sites[0].address, world.now
    for _ in range(24):
        world.give_consent(study, world.sites[0], Account.create())
    consent = world.chain().w3.eth.contract(
        address=Web3.to_checksum_address(world.deployment.consent_token),
        abi=artifact("ConsentToken").abi,
    )

    def gas(indices: int) -> int:
        asked = consent.functions.activeTokens(study, site, int(PURPOSES), now, 0, indices)
        assert len(asked.call()[0]) == indices
        return int(asked.estimate_gas())

    each = (gas(24) - gas(8)) / 16
    assert gas(24) + each * PAGE_SIZE < 2**24


def test_a_round_from_open_to_close_and_one_aborted(world: World) -> None:
    study = world.approved_study()
    for site in world.sites[:2]:
        world.give_consent(study, site, Account.create())
    ledger = world.chain(world.coordinator).ledger
    opened = ledger.open(study)
    event = opened.event(Opened)
    standing = ledger.round(study, 1)
    assert (standing.state, standing.version) == (RoundState.OPEN, 1)
    assert standing.pinned_block == event.pinned_block == opened.block_number - 1
    assert standing.pinned_block_hash == world.chain().block(standing.pinned_block).hash
    assert standing.base == world.terms().initial_checkpoint
    assert standing.commit_deadline == standing.opened_at + 600
    commitment = world.commit(study, 1, world.sites[0])
    assert ledger.commitment_of(study, 1, world.sites[0].address) == commitment
    assert ledger.is_current(study, 1, world.sites[0].address)
    assert not ledger.is_current(study, 1, world.sites[1].address)
    reason = ledger.abort(study, 1).event(Aborted).reason
    assert reason is AbortReason.COORDINATOR
    assert ledger.round(study, 1).state is RoundState.ABORTED
    assert (ledger.round_count(study), ledger.last_sealed(study), ledger.last_closed(study)) == (
        1,
        0,
        0,
    )
    assert ledger.rho_spent(study) == 0
