"""geth starts as the durable chain, funds an account, and has it still after `kill -9`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from stack import rpc
from stack.geth import GethNode
from stack.process import ProcessGroup

STRANGER = "0x000000000000000000000000000000000000dEaD"


def test_what_was_confirmed_is_there_after_the_process_is_killed(tmp_path: Path) -> None:
    first = GethNode(tmp_path / "chain", tmp_path / "geth.log")
    with ProcessGroup() as group:
        group.start(first)
        first.wait_for_chain()
        assert int(rpc.call(first.rpc_url, "eth_chainId"), 16) == 1337
        sent = first.fund(STRANGER, ether=7)
        genesis = rpc.call(first.rpc_url, "eth_getBlockByNumber", "0x0", False)["hash"]
        for child in psutil.Process(first.pid).children(recursive=True):
            os.kill(child.pid, signal.SIGKILL)
        assert first.wait(30) == 128 + signal.SIGKILL

        again = GethNode(tmp_path / "chain", tmp_path / "geth.log")
        group.start(again)
        again.wait_for_chain()
        assert rpc.call(again.rpc_url, "eth_getBlockByNumber", "0x0", False)["hash"] == genesis
        assert rpc.call(again.rpc_url, "eth_getTransactionReceipt", sent)["status"] == "0x1"
        balance = rpc.call(again.rpc_url, "eth_getBalance", STRANGER, "latest")
        assert int(balance, 16) == 7 * 10**18
        again.fund(STRANGER, ether=1)
    assert not again.is_running


def test_it_listens_on_loopback_only_and_has_no_peers(tmp_path: Path) -> None:
    node = GethNode(tmp_path / "chain", tmp_path / "geth.log")
    with ProcessGroup() as group:
        group.start(node)
        node.wait_for_chain()
        assert rpc.call(node.rpc_url, "net_peerCount") == "0x0"
        listening = {
            connection.laddr.ip
            for process in psutil.Process(node.pid).children(recursive=True)
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
