"""A Hardhat node whose clock and accounts are fixed, so that the same acts cost the same gas."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import RPCEndpoint

from chain.rpc import connect_node
from stack.hardhat import HardhatNode

START = 2_000_000_000
"""Chain time of the first measured act (s): later than any clock, so that no node refuses it."""

TRANSACTION_GAS = 2**24
"""The most gas that one transaction may ask for (EIP-7825)."""

_LIKELY_SLOW = 120.0


class ActFailed(Exception):
    """A transaction of the measurement was mined and reverted, which none may."""


@dataclass(frozen=True)
class Mined:
    """What a receipt says. `created` is an EIP-55 address, empty when it made no contract."""

    gas: int
    created: str
    logs: list[dict[str, Any]]


class GasNode:
    """A context manager: a node of its own, stopped at the end.

    Each transaction is alone in its block, one second after the one before. Accounts are derived
    from names, so zero bytes in calldata are the same in every run.
    """

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self.hardhat = HardhatNode(Path(self._folder.name) / "hardhat.log")
        self._time = START
        self._funded: set[str] = set()
        self.hardhat.start()
        try:
            self.hardhat.wait_for_chain()
            self.w3: Web3 = connect_node(self.hardhat.rpc_url, timeout=_LIKELY_SLOW)
            # Writing down each of ten thousand grants takes longer than making them.
            self.ask("hardhat_setLoggingEnabled", False)
            # The deployment comes before, at the speed of the wall clock.
            self.ask("evm_setNextBlockTimestamp", START - 10_000)
            self.ask("evm_mine")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hardhat.stop()
        self._folder.cleanup()

    @property
    def time(self) -> int:
        """Chain time of the next transaction, seconds since 1970."""
        return self._time

    @property
    def head(self) -> tuple[int, bytes]:
        """Number and hash of the newest block."""
        block = self.ask("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), bytes.fromhex(block["hash"][2:])

    def account(self, name: str) -> LocalAccount:
        """The account of that name, with ether, and a key that the node knows too."""
        account: LocalAccount = Account.from_key(keccak(text=f"gas table: {name}"))
        self.fund(account.address)
        return account

    def fund(self, address: str) -> None:
        """Lets the node send from an address, which has ether from then on."""
        if address not in self._funded:
            self.ask("hardhat_setBalance", address, hex(10**21))
            self.ask("hardhat_impersonateAccount", address)
            self._funded.add(address)

    def send(self, sender: str, to: str | None, data: bytes) -> Mined:
        """Sends and waits. Raises `ActFailed`, and what the contract refuses with."""
        self.ask("evm_setNextBlockTimestamp", self._time)
        transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(TRANSACTION_GAS)}
        if to is not None:
            transaction["to"] = to
        receipt = self.ask(
            "eth_getTransactionReceipt", self.ask("eth_sendTransaction", transaction)
        )
        if int(receipt["status"], 16) != 1:
            raise ActFailed(f"the transaction {receipt['transactionHash']} reverted")
        self._time += 1
        created = receipt["contractAddress"]
        return Mined(
            gas=int(receipt["gasUsed"], 16),
            created=str(Web3.to_checksum_address(created)) if created else "",
            logs=receipt["logs"],
        )

    def ask(self, method: str, *parameters: Any) -> Any:
        """The result of one JSON-RPC call. Raises RpcRefused, ContractRefused, ChainUnreachable."""
        return self.w3.provider.make_request(RPCEndpoint(method), list(parameters))["result"]
