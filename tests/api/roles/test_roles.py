"""What an address may do follows from the contracts, as they are now."""

from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account
from fastapi.testclient import TestClient

from api.index.indexer import Indexer
from api.problems import NotFound
from api.roles import roles
from api.roles.roles import Role, RoleName
from api.service import Service
from api.signin.caller import Caller
from api.signin.scopes import ALL_SCOPES
from chain.messages import signer_of_account
from tests.api.people import sign_in, visitor
from tests.world import World


@pytest.fixture
def world(module_world: World) -> World:
    """One deployment for all of these tests; each has a study of its own."""
    return module_world


@pytest.fixture
def study(world: World) -> int:
    return world.approved_study()


def caller(address: str) -> Caller:
    return Caller(address, signer_of_account(address), ALL_SCOPES)


def test_each_role_is_what_the_contracts_say(world: World, study: int) -> None:
    chain = world.chain()
    reviewer, site = world.reviewers[0].address, world.sites[0].address
    coordinator, sponsor = world.coordinator.address, world.sponsor.address
    everyone = {reviewer, site, coordinator, sponsor, world.carrier.address}
    for asked, who in (
        (roles.is_reviewer, reviewer),
        (roles.is_site, site),
        (roles.is_coordinator, coordinator),
        (roles.is_sponsor, sponsor),
    ):
        assert [one for one in sorted(everyone) if asked(chain, study, one)] == [who]


def test_what_is_another_s_or_does_not_exist_is_not_found(world: World, study: int) -> None:
    chain, stranger = world.chain(), caller(Account.create().address)
    for require, member in (
        (roles.require_reviewer, world.reviewers[0]),
        (roles.require_site, world.sites[0]),
        (roles.require_coordinator, world.coordinator),
        (roles.require_sponsor, world.sponsor),
    ):
        require(chain, study, caller(member.address))
        for number, who in (
            (study, stranger),
            (study + 1, caller(member.address)),
            (0, caller(member.address)),
            (1 << 64, caller(member.address)),
            (-1, caller(member.address)),
        ):
            with pytest.raises(NotFound):
                require(chain, number, who)


def test_a_coordinator_is_the_version_in_force_s_and_not_a_proposed_one_s(
    world: World, study: int
) -> None:
    chain = world.chain()
    newcomer = Account.create().address
    terms = dataclasses.replace(chain.registry.terms(study, 1), coordinator=newcomer)
    world.chain(world.sponsor).registry.propose_version(study, terms)
    assert not roles.is_coordinator(chain, study, newcomer)
    world.approve(study, 2)
    assert roles.is_coordinator(chain, study, newcomer)
    assert not roles.is_coordinator(chain, study, world.coordinator.address)


def test_me_tells_every_role_and_a_token_until_it_is_revoked(
    client: TestClient, service: Service, world: World, study: int
) -> None:
    holder = world.accounts[20]
    token = world.give_consent(study, world.sites[0], holder)
    Indexer(service).run_once()

    mine = sign_in(client, holder)
    me = client.get("/v1/me").json()
    assert (me["address"], me["expires_at"]) == (holder.address, mine["expires_at"])
    assert me["roles"] == [{"role": "holder", "study_id": study, "token_id": str(token)}]
    assert roles.is_holder(world.chain(), token, holder.address)
    assert not roles.is_holder(world.chain(), token, world.carrier.address)

    reviewer = visitor(client)
    sign_in(reviewer, world.reviewers[0])
    assert {"role": "reviewer", "study_id": study, "token_id": None} in (
        reviewer.get("/v1/me").json()["roles"]
    )

    # The contract is asked, so it shows before the index has read it.
    world.revoke(token, holder)
    assert client.get("/v1/me").json()["roles"] == []
    # Who held it still sees what is theirs.
    assert roles.is_holder(world.chain(), token, holder.address)


def test_a_role_that_ends_is_gone_in_the_next_block(
    service: Service, world: World, study: int
) -> None:
    chain, coordinator = world.chain(), world.coordinator.address
    with service.sessions() as database:
        mine = Role(study, RoleName.COORDINATOR)
        assert mine in roles.roles_of(chain, database, coordinator)
        terms = dataclasses.replace(
            chain.registry.terms(study, 1), coordinator=world.carrier.address
        )
        world.chain(world.sponsor).registry.propose_version(study, terms)
        world.approve(study, 2)
        assert mine not in roles.roles_of(chain, database, coordinator)


def test_without_sign_in_nobody_is_told_anything(client: TestClient) -> None:
    assert client.get("/v1/me").json()["code"] == "not-signed-in"
