"""The typed clients: each function's values come back as they went in."""

import dataclasses

import pytest
from eth_account import Account

from chain.errors import RegistryQuorumNotReached
from chain.events import Aborted, Opened, Resumed, Suspended, VersionProposed
from chain.messages import (
    AbortReason,
    Purpose,
    Resumption,
    RoundState,
    Suspension,
    signer_of_account,
    token_id,
)
from tests.world import PURPOSES, YEAR, World, sha256


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
    looser = world.terms(delta=10**14)
    receipt = world.chain(world.sponsor).registry.propose_version(study, looser)
    assert receipt.event(VersionProposed).terms == looser
    assert registry.study(study).proposed_version == 2


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
    assert consent.consent(token) == dataclasses.replace(kept, revoked_at=revoked_at)
    assert not consent.is_consent_active(token, PURPOSES, now)
    assert consent.is_consent_active(token, PURPOSES, now, block=before)
    assert consent.epoch(study, site.address) == 1
    assert consent.epoch_at(study, site.address, revoked_at) == 1
    assert consent.revocation_counter(holder.address) == 1
    assert (
        consent.minted_count(study, site.address),
        consent.unburned_count(study, site.address),
        consent.unburned_word(study, site.address, 0),
    ) == (1, 0, 0)


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
