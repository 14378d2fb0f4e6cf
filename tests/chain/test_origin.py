"""Where an Origin and what it makes are, and that a deployment is there."""

import dataclasses

import pytest
from eth_account import Account
from eth_typing import HexStr
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import Nonce
from web3.utils.address import get_create2_address, get_create_address

from chain.artifacts import artifact
from chain.chain import Chain
from chain.compile import compile_contracts
from chain.deployment import Deployment
from chain.errors import WrongOrigin
from chain.events import CONTRACT_NAMES
from chain.origin import origin_creation
from chain.rpc import connect_node
from stack.hardhat import HardhatNode


def test_addresses_are_those_of_web3(deployment: Deployment) -> None:
    origin = deployment.origin
    maker, salt = Web3.to_checksum_address(origin.maker), HexStr("0x" + "00" * 32)
    root = get_create2_address(maker, salt, Web3.to_hex(origin_creation(origin.authority)))
    assert origin.address == root
    made = [str(get_create_address(root, Nonce(nonce))) for nonce in (1, 2, 3)]
    assert list(origin.made.values()) == made


def test_creation_codes_are_those_of_the_compiler() -> None:
    built = compile_contracts()
    assert artifact("Origin").creation == built["Origin"].creation
    for name in CONTRACT_NAMES:
        assert artifact(name).creation_hash == keccak(built[name].creation)
        assert artifact(name).creation is None


def test_a_deployment_is_where_its_origin_makes_it(
    rewound_hardhat: HardhatNode, deployment: Deployment
) -> None:
    assert deployment.origin.made == {name: deployment.address(name) for name in CONTRACT_NAMES}
    w3 = connect_node(rewound_hardhat.rpc_url)
    origin = Web3.to_checksum_address(deployment.origin.address)
    known = artifact("Origin")
    assert known.zeroed(bytes(w3.eth.get_code(origin))) == known.runtime
    # the Origin's own three creations, and the one that every contract begins with (EIP-161)
    assert w3.eth.get_transaction_count(origin) == 4
    assert not w3.eth.get_code(Web3.to_checksum_address(deployment.maker))


@pytest.mark.parametrize("member", ["maker", "authority"])
def test_a_deployment_whose_addresses_prove_nothing_is_refused(
    rewound_hardhat: HardhatNode, deployment: Deployment, member: str
) -> None:
    other = str(Account.create().address)
    with pytest.raises(WrongOrigin, match="StudyRegistry") as wrong:
        Chain.connect(rewound_hardhat.rpc_url, dataclasses.replace(deployment, maker=other))
    assert wrong.value.found == deployment.registry
    origin = dataclasses.replace(deployment.origin, **{member: other})
    assert not set(origin.made.values()) & set(deployment.origin.made.values())
