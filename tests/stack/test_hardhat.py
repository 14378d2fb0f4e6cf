"""The Hardhat node starts fresh, on loopback, with funded accounts, and keeps to wall time."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from stack import rpc
from stack.hardhat import HardhatNode
from stack.process import ProcessGroup


def test_it_answers_with_funded_accounts_and_stops(tmp_path: Path) -> None:
    node = HardhatNode(tmp_path / "hardhat.log")
    with ProcessGroup() as group:
        group.start(node)
        node.wait_for_chain()
        assert int(rpc.call(node.rpc_url, "eth_chainId"), 16) == node.chain_id == 31337
        assert len(node.accounts) == 40
        last = node.accounts[-1].address
        assert int(rpc.call(node.rpc_url, "eth_getBalance", last, "latest"), 16) == 10_000 * 10**18
        listening = {
            connection.laddr.ip
            for process in psutil.Process(node.pid).children(recursive=True)
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
    assert not node.is_running


def test_a_burst_of_transactions_does_not_run_ahead_of_wall_time(tmp_path: Path) -> None:
    node = HardhatNode(tmp_path / "hardhat.log")
    with ProcessGroup() as group:
        group.start(node)
        node.wait_for_chain()
        sender, receiver = node.accounts[0].address, node.accounts[1].address
        for _ in range(30):
            payment = {"from": sender, "to": receiver, "value": "0x1"}
            rpc.call(node.rpc_url, "eth_sendTransaction", payment)
        block = rpc.call(node.rpc_url, "eth_getBlockByNumber", "latest", False)
        assert int(block["number"], 16) == 30
        assert int(block["timestamp"], 16) <= time.time() + 2
