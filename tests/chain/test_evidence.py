"""Evidence: headers hash to their block, proofs hold what contracts say, nothing is left out."""

import json
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_account import Account
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie
from web3 import Web3

from chain.blocks import block_of, header_rlp, raw_block
from chain.chain import Chain
from chain.errors import BadEvidence, ChainBehind
from chain.events import CONTRACT_NAMES, EventRecord
from chain.evidence import BUDGET, Evidence, collect
from chain.rpc import connect_node
from stack.geth import GethNode
from tests.world import World, deployed


def a_study(world: World) -> int:
    """One with a sealed round, so that all that evidence proves is there."""
    study = world.approved_study()
    for site in world.sites:
        world.give_consent(study, site, Account.create())
    round_ = world.open_round(study)
    for site in world.sites:
        world.commit(study, round_, site)
    world.chain(world.coordinator).ledger.seal(study, round_)
    return study


def proven(root: bytes, key: bytes, proof: tuple[bytes, ...]) -> Any:
    nodes = [rlp.decode(node) for node in proof]
    value = HexaryTrie.get_from_proof(root, keccak(key), nodes)  # type: ignore[no-untyped-call]
    return rlp.decode(value) if value else b""


def check_proofs(world: World, evidence: Evidence) -> None:
    """The evidence against its own header, and against the contracts' views."""
    chain, study, number = world.chain(), evidence.study_id, evidence.block.number
    assert keccak(evidence.header) == evidence.block.hash
    state_root = rlp.decode(evidence.header)[3]
    clients = {c.name: c for c in (chain.registry, chain.consent, chain.ledger)}
    slots = 0
    for account in evidence.accounts:
        address = bytes.fromhex(account.address[2:])
        nonce, balance, storage_root, code_hash = proven(state_root, address, account.account_proof)
        assert int.from_bytes(nonce) == account.nonce
        assert int.from_bytes(balance) == account.balance
        assert (storage_root, code_hash) == (account.storage_hash, account.code_hash)
        assert keccak(evidence.code[account.contract]) == code_hash
        for slot in account.storage:
            value = int.from_bytes(proven(storage_root, slot.key, slot.proof))
            assert value == slot.value
            if slot.namespace == BUDGET:
                assert value == chain.ledger.rho_spent(study, block=number)
            else:
                client = clients[account.contract]
                running = client.running_hash(slot.study_id, block=number)
                assert value == int.from_bytes(running)
            slots += 1
    assert slots == 5


def test_evidence_proves_running_hashes_budget_and_code(world: World) -> None:
    study = a_study(world)
    number = world.chain().head().number
    evidence = collect(world.chain(), study, number)
    check_proofs(world, evidence)
    assert [a.contract for a in evidence.accounts] == list(CONTRACT_NAMES)
    assert evidence.accounts[2].storage[1].value > 0
    assert list(evidence.events) == world.chain().events_of([0, study])


def test_evidence_of_a_past_block_ends_there(world: World) -> None:
    study = a_study(world)
    then = world.chain().head().number
    world.open_round(world.approved_study())
    world.chain(world.reviewers[0]).registry.suspend(study)
    evidence = collect(world.chain(), study, then)
    check_proofs(world, evidence)
    assert max(event.block_number for event in evidence.events) == then
    assert {event.study_id for event in evidence.events} == {0, study}


def test_files_are_canonical_and_read_back(world: World) -> None:
    study = a_study(world)
    evidence = collect(world.chain(), study, world.chain().head().number)
    files = evidence.to_files()
    assert sorted(files) == [
        "chain/code.json",
        "chain/events.json",
        "chain/header.rlp",
        "chain/proofs.json",
    ]
    assert files["chain/header.rlp"] == evidence.header
    events = json.loads(files["chain/events.json"])
    assert tuple(map(EventRecord.from_json, events)) == evidence.events
    code = json.loads(files["chain/code.json"])
    assert {n: bytes.fromhex(c[2:]) for n, c in code.items()} == evidence.code
    proofs = json.loads(files["chain/proofs.json"])
    assert all(len(slot["key"]) == 66 for account in proofs for slot in account["storage"])
    assert evidence.to_files() == files


def test_a_block_that_is_not_there_is_named(world: World) -> None:
    ahead = world.chain().head().number + 1000
    with pytest.raises(ChainBehind, match=f"block {ahead}"):
        collect(world.chain(), 1, ahead)


def test_a_node_that_withholds_an_event_is_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = a_study(world)
    honest = Chain.events_of
    for drop in (0, 1, -1):

        def withholding(*arguments: Any, drop: int = drop) -> list[EventRecord]:
            records = honest(*arguments)
            del records[drop]
            return records

        monkeypatch.setattr(Chain, "events_of", withholding)
        with pytest.raises(BadEvidence, match="are not all there are"):
            collect(world.chain(), study, world.chain().head().number)


@pytest.mark.parametrize("field", ["stateRoot", "number", "timestamp", "requestsHash", "extraData"])
def test_a_header_with_any_other_value_is_refused(world: World, field: str) -> None:
    raw = dict(raw_block(world.chain().w3, "latest"))
    header_rlp(raw)
    raw[field] = raw[field][:-1] + ("1" if raw[field][-1] != "1" else "2")
    with pytest.raises(BadEvidence, match="does not hash"):
        header_rlp(raw)


def test_a_header_without_a_field_in_the_middle_is_refused(world: World) -> None:
    raw = dict(raw_block(world.chain().w3, "latest"))
    del raw["withdrawalsRoot"]
    with pytest.raises(BadEvidence, match="no withdrawalsRoot"):
        header_rlp(raw)


def every_header(w3: Web3) -> int:
    head = block_of(raw_block(w3, "latest")).number
    for number in range(head + 1):
        raw = raw_block(w3, number)
        assert keccak(header_rlp(raw)) == block_of(raw).hash
    return head


def test_every_header_of_hardhat_hashes_to_its_block(world: World) -> None:
    a_study(world)
    assert every_header(world.chain().w3) > 10


def test_the_whole_of_it_on_geth(tmp_path: Path, world: World) -> None:
    node = GethNode(tmp_path / "geth", tmp_path / "geth.log")
    node.start()
    try:
        node.wait_for_chain()
        for account in world.accounts[:12]:
            node.fund(account.address)
        w3 = connect_node(node.rpc_url)
        deployment = deployed(node.rpc_url, world.accounts)
        folder = tmp_path / "journals"
        folder.mkdir()
        world = World(node.rpc_url, world.accounts, deployment, folder)
        study = a_study(world)
        number = world.chain().head().number
        world.chain(world.reviewers[0]).registry.suspend(study)
        check_proofs(world, collect(world.chain(), study, number))
        assert every_header(w3) > 10
    finally:
        node.stop()
