"""The chain under a local federation: a node of our own, or somebody else's; and who pays gas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from web3 import Web3

from chain.blocks import block_of, raw_block
from chain.deployment import Deployment
from chain.deployment_check import check_deployment
from chain.errors import WrongChain
from chain.high_water import HighWater
from chain.rpc import NodeProvider, connect_node
from scripts.local.layout import Layout
from scripts.local.settings import HARDHAT, StateRefused
from stack import rpc
from stack.geth import GethNode
from stack.hardhat import HardhatNode

_ETHER = 10**18

# Measured with five sites on Hardhat 3.18: a study takes 0.83 million gas, a round 0.77 of the
# coordinator and 0.26 of each site, a grant 0.21 of whoever carries it. Geth 1.17 as a development
# chain charges three to four times as much for new storage: the contracts and a study take 24
# million there. So these let an account deploy with room to spare, and act for some ten rounds: it
# has to be topped up after that.
GAS_TO_DEPLOY = 40_000_000
GAS_TO_ACT = 20_000_000


class AccountsUnfunded(Exception):
    """Accounts cannot pay for what they have to send. Names each with what it lacks."""


class ExternalNode:
    """A node that runs already and that we neither start nor stop."""

    def __init__(self, rpc_url: str) -> None:
        self.rpc_url = rpc_url

    def wait_for_chain(self) -> None:
        """Asks it once. Raises ChainUnreachable."""
        _ = connect_node(self.rpc_url).eth.chain_id


Node: TypeAlias = HardhatNode | GethNode | ExternalNode


def make_node(kind: str, layout: Layout, port: int | None = None) -> Node:
    """The node of a chain: "geth" (keeps everything), "hardhat" (fresh each time) or an address."""
    if kind == "geth":
        return GethNode(layout.chain, layout.log("chain"), port=port)
    if kind == HARDHAT:
        return HardhatNode(layout.log("chain"), port=port)
    return ExternalNode(kind)


def shown_address(rpc_url: str) -> str:
    """A node's address without the password or access key that it may carry."""
    provider = connect_node(rpc_url).provider
    return provider.shown_url if isinstance(provider, NodeProvider) else rpc_url


def fund(node: Node, addresses: list[str], ether: int = 100) -> None:
    """Gives each address some of a development chain's ether, unless it has enough.

    Nothing on somebody else's chain: see `require_funds`.
    """
    if isinstance(node, ExternalNode):
        return
    for address in addresses:
        balance = int(rpc.call(node.rpc_url, "eth_getBalance", address, "latest"), 16)
        if balance >= ether * _ETHER // 2:
            continue
        if isinstance(node, GethNode):
            node.fund(address, ether)
            continue
        payment = {"from": node.accounts[0].address, "to": address, "value": hex(ether * _ETHER)}
        rpc.call(node.rpc_url, "eth_sendTransaction", payment)


def require_funds(rpc_url: str, gas: Mapping[str, tuple[str, int]]) -> None:
    """Refuses when an account could not pay for its gas at four times today's base fee.

    Args:
        gas: by address, who it is and how much gas it needs.

    Raises:
        AccountsUnfunded: with the address of each and the wei that it lacks.
    """
    w3 = connect_node(rpc_url)
    base_fee = int(raw_block(w3, "latest").get("baseFeePerGas", "0x0"), 16)
    price = 4 * base_fee + w3.eth.max_priority_fee  # what `chain.sender` offers
    lines = []
    for address, (who, amount) in gas.items():
        lacks = amount * price - w3.eth.get_balance(Web3.to_checksum_address(address))
        if lacks > 0:
            lines.append(f"  {address} ({who}) needs {lacks} wei more ({lacks / _ETHER:.4f} ether)")
    if lines:
        raise AccountsUnfunded(
            "Accounts on this chain cannot pay for their gas yet:\n"
            + "\n".join(lines)
            + "\nSend each that much, then run `assent up` again: the accounts stay the same."
        )


def refuse_missing_data(layout: Layout, kind: str) -> None:
    """Before a node of our own starts: a recorded deployment needs the data it was recorded on.

    Raises:
        StateRefused: there is none, or the chain was one that forgets.
    """
    if not layout.deployment.exists():
        return
    if kind == HARDHAT:
        raise StateRefused(
            f"The chain of {layout.state} was a Hardhat node, which forgets everything when it "
            "stops: its contracts, consents and rounds are gone. Remove the folder or name another "
            "--state; `--chain geth` keeps everything"
        )
    if kind == "geth" and not any(layout.chain.glob("geth/*")):
        raise StateRefused(
            f"{layout.deployment} names contracts, but the chain's data folder {layout.chain} is "
            "missing or empty. Nothing continues without it: restore it from its backup, or name "
            "another --state to begin anew"
        )


def refuse_chain_behind(layout: Layout, rpc_url: str) -> None:
    """Refuses a chain that is not the one recorded, or has lost a block that anyone here relied on.

    Raises:
        WrongChain, ContractMissing, WrongCode, WrongOrigin, ChainBehind, ChainUnreachable.
    """
    if not layout.deployment.exists():
        return
    w3 = connect_node(rpc_url)
    records: list[Path] = [layout.high_water, layout.coordinator / "high-water.db"]
    records += sorted(layout.state.glob("sites/*/high-water.db"))
    deployment = Deployment.load(layout.deployment)
    genesis = block_of(raw_block(w3, 0)).hash
    if genesis != deployment.genesis_hash:
        raise WrongChain("genesis block", deployment.genesis_hash.hex(), genesis.hex())
    # Before the contracts: "behind, by so many blocks" says more than "no contract there".
    for path in records:
        if path.exists():
            HighWater(path).check(w3)
    check_deployment(w3, deployment)
