"""Going back to an earlier checkpoint: what the ledger says then, and whom it refuses."""

from __future__ import annotations

import json

import pytest
from eth_account import Account

from chain.chain import Chain
from chain.errors import (
    LedgerRoundOpen,
    RegistryNotReviewer,
    RegistryQuorumNotReached,
    RegistrySignatureInvalid,
    RollbackNotAncestor,
)
from chain.events import Opened, RolledBack
from chain.messages import Rollback
from chain.signed_act import SignedAct, roll_back
from tests.world import World


def acts(chain: Chain, message: Rollback, *keys: object) -> list[SignedAct]:
    """As reviewers hand them over: each signs on their own machine, and sends a file."""
    signed = [SignedAct.sign(message, chain.ledger.domain, key) for key in keys]  # type: ignore[arg-type]
    return [SignedAct.parse(json.dumps(act.to_json()).encode()) for act in signed]


def study_of_two_rounds(world: World) -> int:
    study = world.approved_study()
    for site in world.sites:
        world.give_consent(study, site, Account.create())
    for _ in range(2):
        closed_round(world, study)
    return study


def closed_round(world: World, study: int) -> int:
    round_ = world.open_round(study)
    for site in world.sites:
        world.commit(study, round_, site)
    world.chain(world.coordinator).ledger.seal(study, round_)
    world.close(study, round_)
    return round_


def test_k_reviewers_take_a_study_back_and_anyone_carries_it(world: World) -> None:
    study = study_of_two_rounds(world)
    carrier = world.chain(world.sites[0])
    ledger = carrier.ledger
    spent = ledger.rho_spent(study)
    first, second, third = world.reviewers[:3]
    message = Rollback(study, 1, ledger.rollbacks(study))
    with pytest.raises(RegistryQuorumNotReached):
        roll_back(carrier, acts(carrier, message, first, first))
    with pytest.raises(RegistryNotReviewer):
        roll_back(carrier, acts(carrier, message, first, world.sites[0]))
    with pytest.raises(RollbackNotAncestor, match="does not descend from round 2"):
        roll_back(carrier, acts(carrier, Rollback(study, 2, 0), first, third))

    event = roll_back(carrier, acts(carrier, message, first, third)).event(RolledBack)
    assert (event.to_round, event.from_round, event.rollbacks) == (1, 2, 1)
    assert (ledger.last_closed(study), ledger.rollbacks(study)) == (1, 1)
    assert [ledger.is_retired(study, number) for number in (1, 2)] == [False, True]
    assert ledger.rho_spent(study) == spent
    with pytest.raises(RollbackNotAncestor):
        roll_back(carrier, acts(carrier, message, first, third))

    opened = world.chain(world.coordinator).ledger.open(study).event(Opened)
    assert opened.previous_closed == 1
    assert opened.base == ledger.round(study, 1).checkpoint_hash
    again = Rollback(study, 0, 1)
    with pytest.raises(LedgerRoundOpen):
        roll_back(carrier, acts(carrier, again, second, third))
    world.chain(world.coordinator).ledger.abort(study, opened.round)
    with pytest.raises(RegistrySignatureInvalid):
        roll_back(carrier, acts(carrier, Rollback(study, 0, 0), second, third))
    roll_back(carrier, acts(carrier, again, second, third))
    assert ledger.last_closed(study) == 0
