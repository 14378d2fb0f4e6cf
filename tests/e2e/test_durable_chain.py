"""What the durable chain has acknowledged is there after its process was killed, again and again.

Patients grant and revoke and a study runs its rounds, from nine accounts at once, while geth is
killed (SIGKILL) at random moments and started again on the same folder. The measure is each
account's own journal, which noted number and hash of a transaction's block when it was told.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path

import pytest
from eth_account import Account

from audit.cid import cid_of_sha256
from audit.consent_state import StudyState
from audit.manifest import parse
from audit.verify import verify_folder
from chain.blocks import Finality
from chain.deploy import deploy
from chain.deployment import Deployment
from chain.errors import ChainBehind
from chain.events import Granted, Revoked, decode
from chain.messages import RoundState, signer_of_account
from chain.rpc import connect_node
from stack.process import ProcessGroup
from tests.audit.real_study import RealStudy
from tests.e2e.killable_chain import (
    KillableChain,
    Load,
    PatientLoad,
    ReconnectingWorld,
    RoundLoad,
    wait_for,
)

KILLS = 10
SEED = 1337
LONGEST_LOAD = 2.0  # seconds between the first act after a start and the next kill
PATIENT = 240.0  # seconds that a busy machine may take for what normally takes one

# What `World` expects, and one more carrier for each load.
ACCOUNTS = 15


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_or_doubled_by_kills_under_load(tmp_path: Path) -> None:
    moments = random.Random(SEED)
    with ProcessGroup() as group:
        chain = KillableChain(tmp_path, group)
        world, deployment = _world(chain, tmp_path)
        study = _study_with_patients(world)
        other = world.approved_study()
        loads: list[Load] = [
            PatientLoad(_beside(world, 12), study_id=study.number),
            PatientLoad(_beside(world, 13), study_id=other, revokes=True),
            RoundLoad(world, study=study),
        ]
        stopping = threading.Event()
        threads = [load.start(stopping) for load in loads]
        for _ in range(KILLS):
            _wait_for_progress(loads)
            time.sleep(moments.uniform(0, LONGEST_LOAD))
            chain.kill()
            chain.start_again()
        _wait_for_progress(loads)
        stopping.set()
        for thread in threads:
            thread.join(PATIENT)
        assert [load.failure for load in loads] == [None, None, None]
        assert sum(load.interruptions for load in loads) >= KILLS

        _connect_everyone(world)
        _every_transaction_is_where_it_was(world, loads)
        _consents_are_there_once(world, study.number, loads[0])
        _consents_are_there_once(world, other, loads[1])
        _rounds_are_there(study, tmp_path / "bundle")
        assert deployment == world.deployment


def _world(chain: KillableChain, folder: Path) -> tuple[ReconnectingWorld, Deployment]:
    accounts = tuple(Account.create() for _ in range(ACCOUNTS))
    for account in accounts:
        chain.node.fund(account.address)
    deployer, journal = accounts[1], folder / f"{accounts[1].address}.db"
    w3 = connect_node(chain.node.rpc_url)
    governors = [signer_of_account(one.address) for one in accounts[4:7]]
    deployment = deploy(w3, deployer, Finality(), governors=governors, journal=journal)
    return ReconnectingWorld(chain.node.rpc_url, accounts, deployment, folder), deployment


def _study_with_patients(world: ReconnectingWorld) -> RealStudy:
    study = RealStudy(world, {"rho_ceiling": 10**21})
    for site in world.sites:
        for _ in range(2):
            study.patient(site)
    return study


def _beside(world: ReconnectingWorld, carrier: int) -> ReconnectingWorld:
    """The same people, with connections and a carrier of its own."""
    beside = ReconnectingWorld(
        world.rpc_url, world.accounts, world.deployment, world.folder, world.enrolment_keys
    )
    beside.carrier = world.accounts[carrier]
    return beside


def _wait_for_progress(loads: list[Load]) -> None:
    """Until every load was told of something new: what follows happens under load."""
    before = [len(load.acknowledged) for load in loads]

    def all_went_on() -> bool:
        failed = [load.failure for load in loads if load.failure]
        assert not failed, failed
        return all(len(load.acknowledged) > n for load, n in zip(loads, before, strict=True))

    wait_for(all_went_on, PATIENT, "an acknowledgement for every load")


def _connect_everyone(world: ReconnectingWorld) -> None:
    """Each account's journal sends again what a kill has left open."""
    world.forget_connections()
    for account in world.accounts:
        if (world.folder / f"{account.address}.db").exists():
            world.chain(account)


def _every_transaction_is_where_it_was(world: ReconnectingWorld, loads: list[Load]) -> None:
    w3 = connect_node(world.rpc_url)
    known = {}
    for address, entries in world.entries().items():
        assert [entry.nonce for entry in entries] == list(range(len(entries)))
        assert w3.eth.get_transaction_count(address) == len(entries)  # type: ignore[arg-type]
        for entry in entries:
            asked = "0x" + entry.tx_hash.hex()
            answer = w3.provider.make_request("eth_getTransactionReceipt", [asked])["result"]  # type: ignore[arg-type]
            found = int(answer["blockNumber"], 16), bytes.fromhex(answer["blockHash"][2:])
            assert found == (entry.block_number, entry.block_hash)
            known[entry.tx_hash] = entry.block_hash
    for load in loads:
        for receipt in load.acknowledged:
            assert known[receipt.tx_hash] == receipt.block_hash


def _consents_are_there_once(world: ReconnectingWorld, study_id: int, load: Load) -> None:
    assert isinstance(load, PatientLoad)
    events = [decode(record) for record in world.chain().events(study_id)]
    holders = [event.grant.holder for event in events if isinstance(event, Granted)]
    tokens = {e.grant.holder: e.token_id for e in events if isinstance(e, Granted)}
    revoked = [event.token_id for event in events if isinstance(event, Revoked)]
    assert len(holders) == len(set(holders))
    assert load.granted.items() <= tokens.items()
    assert len(revoked) == len(set(revoked))
    assert set(load.revoked) <= set(revoked)
    for token_id in load.revoked:
        assert world.chain().consent.consent(token_id).revoked_at > 0


def _rounds_are_there(study: RealStudy, bundle: Path) -> None:
    """Every round is closed, in the state that events give, and the whole study verifies."""
    chain = study.chain
    count = chain.ledger.round_count(study.number)
    states = [chain.ledger.round(study.number, number + 1).state for number in range(count)]
    assert count > 1
    assert set(states[:-1]) == {RoundState.CLOSED}
    state = StudyState.replay(chain.events_of((0, study.number)), study.number)
    assert [facts.state for facts in state.history.rounds.values()] == states
    _forget_unanswered_attempts(study, count)
    trusted = study.write(bundle)
    report = verify_folder(bundle, trusted)
    assert report.failed == ()
    assert report.ok


def _forget_unanswered_attempts(study: RealStudy, count: int) -> None:
    """Keeps the objects that the chain names: a close that a kill cut short has made others."""
    named = {study.chain.registry.terms(study.number, 1).initial_checkpoint}
    for number in range(1, count + 1):
        info = study.chain.ledger.round(study.number, number)
        if info.state is RoundState.CLOSED:
            manifest = parse(study.objects[cid_of_sha256(info.manifest_hash)])
            named |= {info.manifest_hash, info.checkpoint_hash}
            named |= {contribution.masked.sha256 for contribution in manifest.contributions}
    cids = {cid_of_sha256(sha256) for sha256 in named}
    study.objects = {cid: data for cid, data in study.objects.items() if cid in cids}


def test_a_node_with_an_older_copy_of_its_data_is_refused(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        chain = KillableChain(tmp_path, group)
        world, _ = _world(chain, tmp_path)
        chain.node.stop()
        shutil.copytree(tmp_path / "chain", tmp_path / "older")
        chain.start_again()
        world.register_sites()
        chain.node.stop()
        shutil.rmtree(tmp_path / "chain")
        (tmp_path / "older").rename(tmp_path / "chain")
        chain.start_again()
        world.forget_connections()
        with pytest.raises(ChainBehind, match="behind what was recorded"):
            world.chain(world.sites[0])
