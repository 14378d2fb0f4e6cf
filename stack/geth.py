"""geth as the durable local chain: what it has confirmed survives the loss of its process."""

from __future__ import annotations

import time
from pathlib import Path

from stack import rpc
from stack.binaries import GETH
from stack.ports import HOST, free_port
from stack.process import ManagedProcess

CHAIN_ID = 1337

# Tried with `kill -9` at random moments: these keep every confirmed transaction. geth's defaults
# (pebble, the path scheme) lose some. The two zeros keep the whole history of transactions and
# logs searchable.
DURABLE = (
    "--dev",
    "--dev.period=0",
    "--db.engine=leveldb",
    "--state.scheme=hash",
    "--gcmode=archive",
    "--history.transactions=0",
    "--history.logs=0",
)
PRIVATE = ("--nodiscover", "--maxpeers=0", "--port=0", "--ipcdisable", "--nat=none")

UNKNOWN_TRANSACTION = "0x" + "00" * 32
WEI_PER_ETHER = 10**18


class GethNode(ManagedProcess):
    """A geth development chain in `datadir`, which is kept between runs; one block for each
    transaction.

    Its developer account holds the ether, and geth signs for it; `fund` gives some to others.
    """

    chain_id = CHAIN_ID

    def __init__(
        self, datadir: Path, log_path: Path, *, port: int | None = None, outlives_us: bool = False
    ) -> None:
        self.datadir, self.port = datadir, port or free_port()
        self.rpc_url = f"http://{HOST}:{self.port}"
        served = ["--http", f"--http.addr={HOST}", f"--http.port={self.port}"]
        served += ["--http.api=eth,net,web3", f"--authrpc.port={free_port()}"]
        argv = [str(GETH.built()), *DURABLE, f"--datadir={datadir}", *served, *PRIVATE]
        super().__init__(
            "the geth node", argv, log_path, cwd=None, grace=30.0, outlives_us=outlives_us
        )

    def start(self) -> None:
        """Start it, without waiting. The data folder is made readable to this user alone."""
        self.datadir.mkdir(parents=True, exist_ok=True, mode=0o700)
        super().start()

    def wait_for_chain(self, timeout: float = 60.0) -> None:
        """Wait until it answers with its chain id and finds transactions. Raises `ProcessError`.

        geth answers no question about a transaction before its first block, so that is made here.
        """
        self.wait_until_ready(self._answers, timeout)
        if int(rpc.call(self.rpc_url, "eth_blockNumber"), 16) == 0:
            self.fund(self.developer, 0, timeout)
        self.wait_until_ready(lambda: self._knows(UNKNOWN_TRANSACTION) is not None, timeout)

    @property
    def developer(self) -> str:
        """The address of the account that geth funds and signs for."""
        return str(rpc.call(self.rpc_url, "eth_accounts")[0])

    def fund(self, address: str, ether: int = 100, timeout: float = 30.0) -> str:
        """Send `ether` to `address` and wait until it is confirmed; returns the transaction's hash.

        Raises `stack.rpc.RpcError` when geth refuses, TimeoutError when it is not mined in
        `timeout` seconds.
        """
        payment = {"from": self.developer, "to": address, "value": hex(ether * WEI_PER_ETHER)}
        sent = str(rpc.call(self.rpc_url, "eth_sendTransaction", payment))
        deadline = time.monotonic() + timeout
        while not self._knows(sent):
            if time.monotonic() > deadline:
                raise TimeoutError(f"geth did not mine {sent} within {timeout:.0f} s")
            time.sleep(0.02)
        return sent

    def _knows(self, transaction: str) -> bool | None:
        """Whether a transaction is in a block; None while geth is still reading its blocks."""
        try:
            return rpc.call(self.rpc_url, "eth_getTransactionReceipt", transaction) is not None
        except rpc.RpcError as error:
            if "indexing is in progress" in str(error):
                return None
            raise

    def _answers(self) -> bool:
        return int(rpc.call(self.rpc_url, "eth_chainId"), 16) == self.chain_id
