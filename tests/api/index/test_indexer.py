"""The index holds what the chain holds, also after a reorganisation, on both databases."""

import dataclasses
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from api.dependencies import reading
from api.index import repository
from api.index.errors import OtherDeployment, ReorganisationTooDeep
from api.index.events import Change, events_after
from api.index.indexer import DEEPEST, Indexer
from api.index.state import study_state
from api.index.tables import IndexedBlock, IndexedToken
from api.problems import NotFound
from api.service import Service
from api.settings import Settings
from chain.errors import WrongChain
from stack.hardhat import HardhatNode
from tests.api.forks import go_back, mine, snapshot
from tests.world import World

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def changes(service: Service, after: int = 0) -> list[Change]:
    with service.sessions() as database:
        return events_after(database, after, limit=10_000)


def on_chain(world: World) -> list[tuple[str, int, bytes, int, bytes]]:
    return [
        (one.record.contract, one.block.number, one.block.hash, one.log_index, one.tx_hash)
        for one in world.chain().logs()
    ]


def places(found: list[Change]) -> list[tuple[str, int, bytes, int, bytes]]:
    return [
        (one.contract, one.block_number, one.block_hash, one.log_index, one.tx_hash)
        for one in found
    ]


def test_every_event_is_read_once_in_the_chains_order(service: Service, world: World) -> None:
    study = world.approved_study()
    token = world.give_consent(study, world.sites[0], world.accounts[20])
    indexer = Indexer(service)
    assert indexer.run_once() > 0
    assert indexer.run_once() == 0
    world.revoke(token, world.accounts[20])
    assert indexer.run_once() == 1

    found = changes(service)
    assert places(found) == on_chain(world)
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    assert (found[-1].name, found[-1].values["token_id"]) == ("Revoked", str(token))
    with service.sessions() as database:
        assert service.lag(database) == 0
        kept = database.get_one(IndexedToken, token)
        assert (kept.holder, kept.site) == (world.accounts[20].address, world.sites[0].address)
        assert kept.revoked_tx == found[-1].tx_hash


@sqlite_only
def test_a_study_is_carried_on_event_by_event_as_a_replay_from_the_node_says(
    service: Service, world: World
) -> None:
    study = world.approved_study()
    holders = world.accounts[20:23]
    for holder in holders:
        world.give_consent(study, world.sites[0], holder)
        Indexer(service).run_once()
        with service.sessions() as database:
            state = study_state(database, study)
        head = world.chain().head()
        site = world.sites[0].address
        terms = state.history.versions[1].terms
        at = head.timestamp + 60
        assert state.active_indices(
            site, terms.purposes, at
        ) == world.chain().consent.all_active_tokens(
            study, site, terms.purposes, at, block=head.number
        )
        assert state.time == head.timestamp


@sqlite_only
def test_asking_for_studies_that_are_not_there_costs_no_other_its_place(
    service: Service, world: World
) -> None:
    """Anybody may ask, and a long study takes seconds to be replayed."""
    study = world.approved_study()
    Indexer(service).run_once()
    with service.sessions() as database:
        kept = study_state(database, study).history
        for unknown in range(study + 1, study + 100):
            with pytest.raises(NotFound):
                study_state(database, unknown)
        assert study_state(database, study).history is kept


def test_what_a_reorganisation_undid_is_taken_back_and_told(
    world: World, service: Service, tmp_path: Path
) -> None:
    study = world.approved_study()
    first = world.give_consent(study, world.sites[0], world.accounts[20])
    indexer = Indexer(service)
    indexer.run_once()
    before = changes(service)

    fork = snapshot(world)
    world.revoke(first, world.accounts[20])
    second = world.give_consent(study, world.sites[0], world.accounts[21])
    mine(world, 3)
    indexer.run_once()
    with service.sessions() as database:
        assert len(study_state(database, study).tokens(world.sites[0].address)) == 2
    undone = changes(service)[len(before) :]
    world = go_back(world, fork, tmp_path / "after")
    other = world.give_consent(study, world.sites[1], world.accounts[22])
    indexer.run_once()

    assert places([one for one in changes(service) if one.undone is None]) != places(before)
    told = changes(service, after=before[-1].sequence)
    assert [one.undone for one in told[:2]] == [one.sequence for one in reversed(undone)]
    assert [one.name for one in told] == ["Granted", "Revoked", "Granted"]
    assert told[2].undone is None
    assert told[0].sequence > undone[-1].sequence
    happened = [one for one in changes(service) if one.undone is None]
    assert places(happened) == on_chain(world)
    with service.sessions() as database:
        assert database.get(IndexedToken, second) is None
        assert database.get_one(IndexedToken, first).revoked_block is None
        assert database.get_one(IndexedToken, other).holder == world.accounts[22].address
        state = study_state(database, study)
        assert [len(state.tokens(site.address)) for site in world.sites[:2]] == [1, 1]


@sqlite_only
def test_a_node_that_went_back_shows_what_it_has(
    world: World, service: Service, tmp_path: Path
) -> None:
    world.register_sites()
    indexer = Indexer(service)
    indexer.run_once()
    fork = snapshot(world)
    mine(world, 2)
    world.propose_after_registering()
    indexer.run_once()
    world = go_back(world, fork, tmp_path / "after")
    indexer.run_once()
    assert places([one for one in changes(service) if one.undone is None]) == on_chain(world)
    with service.sessions() as database:
        assert service.lag(database) == 0


@sqlite_only
def test_more_than_can_be_undone_is_refused_and_nothing_changes(
    world: World, service: Service, tmp_path: Path
) -> None:
    world.register_sites()
    fork = snapshot(world)
    mine(world, DEEPEST + 10)
    indexer = Indexer(service)
    indexer.run_once()
    before = changes(service)
    world = go_back(world, fork, tmp_path / "after")
    mine(world, DEEPEST + 20)
    with pytest.raises(ReorganisationTooDeep, match="empty database"):
        indexer.run_once()
    assert changes(service) == before


@sqlite_only
def test_blocks_without_events_are_forgotten_once_they_cannot_be_undone(
    world: World, service: Service, tmp_path: Path
) -> None:
    indexer = Indexer(service)
    for _ in range(3):
        mine(world, DEEPEST // 2)
        indexer.run_once()
    mine(world, 3 * DEEPEST)
    world.register_sites()
    indexer.run_once()
    with service.sessions() as database:
        kept = list(database.scalars(select(IndexedBlock.number).order_by(IndexedBlock.number)))
    events = {one.block_number for one in changes(service)}
    assert set(kept) >= events
    assert min(set(kept) - events) >= kept[-1] - DEEPEST


@sqlite_only
def test_a_database_of_other_contracts_is_refused(
    service: Service, world: World, tmp_path: Path
) -> None:
    Indexer(service).run_once()
    other = tmp_path / "other.json"
    dataclasses.replace(
        world.deployment, registry=world.deployment.ledger, ledger=world.deployment.registry
    ).save(other)
    settings = service.settings.model_copy(update={"deployment": other})
    again = Service.start(settings)
    # The node would refuse these contracts first; the database does too.
    again.node.chain = service.node.chain  # type: ignore[method-assign]
    with pytest.raises(OtherDeployment, match="empty database"):
        Indexer(again).run_once()
    with service.sessions() as database:
        assert repository.newest_block(database) is not None
    again.close()


def test_a_chain_that_began_afresh_under_the_service_is_refused(
    own_world: World, own_hardhat: HardhatNode, tmp_path: Path
) -> None:
    deployment = tmp_path / "own.json"
    own_world.deployment.save(deployment)
    service = Service.start(
        Settings(
            rpc_url=own_world.rpc_url,  # type: ignore[arg-type]
            deployment=deployment,
            database_url=SecretStr(f"sqlite:///{tmp_path / 'own.db'}"),
        )
    )
    indexer = Indexer(service)
    indexer.run_once()
    own_hardhat.stop()
    again = HardhatNode(tmp_path / "again.log", port=own_hardhat.port)
    again.start()
    try:
        again.wait_for_chain()
        with pytest.raises(WrongChain, match="genesis"):
            indexer.run_once()
    finally:
        again.stop()
    service.close()


def test_all_of_an_answer_is_of_one_moment(service: Service, world: World) -> None:
    indexer = Indexer(service)
    indexer.run_once()
    with contextmanager(reading)(service) as database:
        before = repository.newest_block(database)
        world.register_sites()
        indexer.run_once()
        assert repository.newest_block(database) == before
        assert repository.last_sequence(database) == 0
