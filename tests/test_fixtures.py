"""Contracts that each test gets fresh, though one node serves all."""

from eth_account import Account

from tests.conftest import _Beginning
from tests.world import World


def test_what_one_test_did_is_undone_for_the_next(world: World, _beginning: _Beginning) -> None:
    before = world.chain().head()
    study = world.approved_study()
    world.give_consent(study, world.sites[0], Account.create())
    world.pass_time(10**7)
    _beginning.return_to()
    after = world.chain().head()
    assert after == before
    assert world.chain().registry.study_count() == 0
    assert world.chain().consent.unburned_count(study, world.sites[0].address) == 0
    world.pass_time(1)
    assert world.now < before.timestamp + 10**6
