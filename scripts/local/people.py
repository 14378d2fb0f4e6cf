"""Accounts of a local federation: keys in private files, ether from the development chain."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from federation.gate.private_files import read_private_file, write_private_file
from stack import rpc
from stack.geth import GethNode
from stack.hardhat import HardhatNode

_ETHER = 10**18


def key_of(path: Path) -> LocalAccount:
    """The account whose key lies in a private file, made at the first call."""
    if not path.exists():
        write_private_file(path, b"0x" + secrets.token_bytes(32).hex().encode() + b"\n")
    account: LocalAccount = Account.from_key(read_private_file(path).decode().strip())
    return account


def fund(node: HardhatNode | GethNode, addresses: Iterable[str], ether: int = 100) -> None:
    """Gives each address some of the development chain's ether, unless it has enough."""
    for address in addresses:
        if (
            int(rpc.call(node.rpc_url, "eth_getBalance", address, "latest"), 16)
            >= ether * _ETHER // 2
        ):
            continue
        if isinstance(node, GethNode):
            node.fund(address, ether)
            continue
        payment = {"from": node.accounts[0].address, "to": address, "value": hex(ether * _ETHER)}
        rpc.call(node.rpc_url, "eth_sendTransaction", payment)
