"""Connecting: a chain that is not the deployment's, or lost something, is refused by name."""

import dataclasses
import json
from pathlib import Path

import pytest
from eth_account import Account

from chain.blocks import Block, Finality
from chain.chain import Chain
from chain.deployment import Deployment
from chain.errors import (
    ChainBehind,
    ChainUnreachable,
    ContractMissing,
    WrongChain,
    WrongCode,
)
from chain.high_water import HighWater
from chain.rpc import connect_node
from stack.hardhat import HardhatNode
from stack.ports import free_port
from tests.world import World


def test_another_chain_id_is_refused(rewound_hardhat: HardhatNode, deployment: Deployment) -> None:
    other = dataclasses.replace(deployment, chain_id=1337)
    with pytest.raises(WrongChain, match=r"chain id is 31337, the deployment's 1337"):
        Chain.connect(rewound_hardhat.rpc_url, other)


def test_another_genesis_is_refused(rewound_hardhat: HardhatNode, deployment: Deployment) -> None:
    other = dataclasses.replace(deployment, genesis_hash=b"\x01" * 32)
    with pytest.raises(WrongChain, match="genesis block"):
        Chain.connect(rewound_hardhat.rpc_url, other)


def test_a_node_that_was_started_afresh_is_refused(
    own_hardhat: HardhatNode, deployment: Deployment
) -> None:
    # Same chain id, another genesis or, at least, no contracts.
    with pytest.raises((WrongChain, ContractMissing)):
        Chain.connect(own_hardhat.rpc_url, deployment)


def test_an_address_without_code_is_refused(
    rewound_hardhat: HardhatNode, deployment: Deployment
) -> None:
    empty = Account.create().address
    other = dataclasses.replace(deployment, ledger=empty)
    with pytest.raises(ContractMissing) as missing:
        Chain.connect(rewound_hardhat.rpc_url, other)
    assert (missing.value.contract, missing.value.address) == ("RoundLedger", empty)


def test_contracts_in_each_others_place_are_refused(
    rewound_hardhat: HardhatNode, deployment: Deployment
) -> None:
    other = dataclasses.replace(
        deployment, registry=deployment.consent_token, consent_token=deployment.registry
    )
    with pytest.raises(WrongCode) as wrong:
        Chain.connect(rewound_hardhat.rpc_url, other)
    assert wrong.value.contract == "StudyRegistry"


def test_code_that_this_version_was_not_built_for_is_refused_even_if_the_file_names_it(
    own_hardhat: HardhatNode, own_world: World
) -> None:
    deployment = own_world.deployment
    w3 = connect_node(own_hardhat.rpc_url)
    code = bytearray(w3.eth.get_code(deployment.ledger))  # type: ignore[arg-type]
    code[-1] ^= 1
    changed = "0x" + code.hex()
    w3.provider.make_request("hardhat_setCode", [deployment.ledger, changed])  # type: ignore[arg-type]
    with pytest.raises(WrongCode):
        Chain.connect(own_hardhat.rpc_url, deployment)
    hashes = deployment.code_hashes | {"RoundLedger": bytes(w3.keccak(bytes(code)))}
    complicit = dataclasses.replace(deployment, code_hashes=hashes)
    with pytest.raises(WrongCode):
        Chain.connect(own_hardhat.rpc_url, complicit)


def test_a_node_that_does_not_run_is_named(deployment: Deployment) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ChainUnreachable, match=r"127\.0\.0\.1"):
        Chain.connect(url, deployment)


class TestDeploymentFile:
    def test_it_reads_what_it_wrote(self, deployment: Deployment, tmp_path: Path) -> None:
        path = tmp_path / "deployment.json"
        kept = dataclasses.replace(deployment, finality=Finality(12))
        kept.save(path)
        assert Deployment.load(path) == kept
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("member", ["schema", "chain_id", "contracts", "maker", "code_hashes"])
    def test_a_file_that_is_no_deployment_is_named(
        self, deployment: Deployment, tmp_path: Path, member: str
    ) -> None:
        path = tmp_path / "deployment.json"
        deployment.save(path)
        value = json.loads(path.read_text(encoding="utf-8"))
        del value[member]
        path.write_text(json.dumps(value), encoding="utf-8")
        with pytest.raises(ValueError, match=r"deployment\.json is not a deployment file"):
            Deployment.load(path)


class TestHighWater:
    def test_the_newest_block_relied_on_is_remembered(self, tmp_path: Path) -> None:
        path = tmp_path / "high_water.db"
        assert HighWater(path).newest() is None
        for number in (5, 9, 7):
            HighWater(path).record(Block(number, bytes([number]) * 32, 0))
        assert HighWater(path).newest() == (9, b"\x09" * 32)

    def test_a_chain_that_lost_an_acknowledged_write_is_refused(
        self, own_world: World, own_hardhat: HardhatNode, tmp_path: Path
    ) -> None:
        node = connect_node(own_hardhat.rpc_url).provider
        snapshot = node.make_request("evm_snapshot", [])["result"]  # type: ignore[arg-type]

        def connect(journal: str) -> Chain:
            return Chain.connect(
                own_world.rpc_url,
                own_world.deployment,
                account=own_world.sites[0],
                journal=tmp_path / journal,
                high_water=tmp_path / "high_water.db",
            )

        chain = connect("one.db")
        secret = b"\x01" * 32
        written = chain.registry.register_site(Account.create().address, secret)
        chain.refuse_if_behind()
        node.make_request("evm_revert", [snapshot])  # type: ignore[arg-type]

        with pytest.raises(ChainBehind, match="its head is only block") as behind:
            connect("two.db")
        assert behind.value.recorded == written.block_number
        with pytest.raises(ChainBehind):
            chain.refuse_if_behind()

        # Catching up with another history does not help.
        node.make_request("evm_mine", [])  # type: ignore[arg-type]
        node.make_request("evm_mine", [])  # type: ignore[arg-type]
        with pytest.raises(ChainBehind, match="another block there") as forked:
            connect("three.db")
        assert forked.value.expected == written.block_hash != forked.value.found

    def test_a_block_that_was_only_read_can_be_relied_on(
        self, own_world: World, own_hardhat: HardhatNode, tmp_path: Path
    ) -> None:
        path = tmp_path / "high_water.db"
        reader = Chain.connect(own_world.rpc_url, own_world.deployment, high_water=path)
        reader.rely_on(reader.head())
        reader.refuse_if_behind()
        ahead = dataclasses.replace(reader.head(), number=reader.head().number + 1)
        reader.rely_on(ahead)
        with pytest.raises(ChainBehind):
            Chain.connect(own_world.rpc_url, own_world.deployment, high_water=path)


class TestFinality:
    def test_a_block_is_final_under_enough_others(
        self, own_world: World, own_hardhat: HardhatNode
    ) -> None:
        patient = dataclasses.replace(own_world.deployment, finality=Finality(2))
        chain = Chain.connect(own_world.rpc_url, patient)
        number = chain.head().number
        with pytest.raises(ChainUnreachable, match=rf"block {number} is not final"):
            chain.wait_final(number, timeout=0.3)
        for _ in range(2):
            chain.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
        assert chain.wait_final(number).number == number

    def test_without_confirmations_the_newest_block_is_final(self, world: World) -> None:
        chain = world.chain()
        head = chain.head()
        assert chain.wait_final(head.number) == head
