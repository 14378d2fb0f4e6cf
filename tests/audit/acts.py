"""What reviewers and holders sign beyond what `World` does."""

from __future__ import annotations

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount

from chain.clients.base import Receipt
from chain.messages import (
    Challenge,
    Readmission,
    Replacement,
    Resumption,
    Rollback,
    approval_for,
    signer_of_account,
)
from tests.world import World


def signers(accounts: Sequence[LocalAccount]) -> list[bytes]:
    return [signer_of_account(account.address) for account in accounts]


def approve(
    world: World, study: int, version: int, reviewer: LocalAccount, expires_at: int
) -> Receipt:
    """One reviewer's approval, or its renewal."""
    registry = world.chain().registry
    terms = registry.terms(study, version)
    signature = approval_for(study, version, terms, expires_at).sign(reviewer, registry.domain)
    signer = signer_of_account(reviewer.address)
    return registry.approve(study, version, expires_at, signer, signature)


def replace_reviewer(
    world: World, study: int, outgoing: str, incoming: str, signing: Sequence[LocalAccount]
) -> Receipt:
    registry = world.chain().registry
    message = Replacement(study, registry.study(study).replacements, outgoing, incoming)
    signatures = [message.sign(reviewer, registry.domain) for reviewer in signing]
    return registry.replace_reviewer(study, outgoing, incoming, signers(signing), signatures)


def resume(world: World, study: int, signing: Sequence[LocalAccount]) -> Receipt:
    registry = world.chain().registry
    message = Resumption(study, registry.study(study).suspensions)
    signatures = [message.sign(reviewer, registry.domain) for reviewer in signing]
    return registry.resume(study, signers(signing), signatures)


def roll_back(world: World, study: int, to_round: int, signing: Sequence[LocalAccount]) -> Receipt:
    ledger = world.chain().ledger
    message = Rollback(study, to_round, ledger.rollbacks(study))
    signatures = [message.sign(reviewer, ledger.domain) for reviewer in signing]
    return ledger.roll_back(study, to_round, signers(signing), signatures)


def readmit(world: World, study: int, site: str, reviewer: LocalAccount) -> Receipt:
    ledger = world.chain().ledger
    message = Readmission(study, site, ledger.times_barred(study, site))
    signature = message.sign(reviewer, ledger.domain)
    return ledger.readmit(study, site, signer_of_account(reviewer.address), signature)


def challenge(
    world: World, study: int, round_: int, site: str, token_id: int, signer: LocalAccount
) -> Receipt:
    """A reviewer's (token 0) or the holder's question."""
    ledger = world.chain().ledger
    signature = Challenge(study, round_, site, token_id).sign(signer, ledger.domain)
    named = signer_of_account(signer.address)
    return ledger.challenge(study, round_, site, token_id, named, signature)
