"""Sends one account's transactions so that a crash leaves neither a gap nor a duplicate.

Order of things: estimate (a contract that refuses does so here, before anything is signed), then
journal the signed bytes, then send, then wait, then note the block. After a crash the same bytes
are sent again. Threads of one process may share a Sender; processes need distinct accounts.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import RPCEndpoint

from chain.blocks import Block, block_of, raw_block
from chain.errors import (
    AccountUnfunded,
    ChainBehind,
    ChainError,
    ContractRefused,
    NonceTaken,
    RpcRefused,
    TransactionFailed,
    TransactionPending,
)
from chain.journal import Entry, Journal
from chain.light_dataclass import light_dataclass
from chain.rpc import NodeProvider
from chain.transactions import Fees, TransactionSigner

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
# Gas differs a little between estimate and execution when other transactions come between.
_GAS_MARGIN = 1.25


# JSON-RPC has no code for it: the words of geth (and most others), and of Hardhat.
_ABOUT_FUNDS = ("insufficient funds", "have enough funds")


@light_dataclass(frozen=True)
class Mined:
    """Where a transaction is, and what it left: the node's raw log objects."""

    tx_hash: bytes
    block: Block
    gas_used: int
    logs: tuple[dict[str, Any], ...]
    contract_address: str | None


class Sender:
    """Writes of one account on one chain, through its journal."""

    def __init__(
        self,
        w3: Web3,
        account: LocalAccount,
        journal: Path,
        *,
        timeout: float,
        on_mined: Callable[[Block], None] = lambda block: None,
        chain_id: int | None = None,
        genesis_hash: bytes | None = None,
    ) -> None:
        """`timeout` (s) limits the wait for a transaction to be mined. Recovers at once.

        `chain_id` and `genesis_hash` are the node's, where the caller has asked for them already.

        Raises ChainBehind when a transaction that was mined is gone, NonceTaken when somebody else
        signs with the account, and what the node raises.
        """
        self.account = account
        self._w3, self._timeout, self._on_mined = w3, timeout, on_mined
        self._signing = TransactionSigner(account, chain_id or w3.eth.chain_id)
        genesis = genesis_hash or block_of(raw_block(w3, 0)).hash
        self._journal = Journal(journal, genesis, account.address)
        self._lock = threading.Lock()
        self.recover()

    def recover(self) -> None:
        """Sends again whatever the journal holds and no block does; waits until it is mined."""
        with self._lock:
            self._refuse_lost_transactions()
            entries = self._journal.open_entries()
            for entry in entries:
                self._deliver(entry)
            for entry in entries:
                self._settle(entry, *self._await_receipt(entry))

    def send(self, to: str | None, data: bytes) -> Mined:
        """Sends one call, or a creation when `to` is None, and waits until it is mined.

        Raises ContractRefused (nothing was spent unless the refusal came only at execution),
        TransactionFailed, TransactionPending, AccountUnfunded, ChainUnreachable, RpcRefused.
        """
        call: dict[str, Any] = {"from": self.account.address, "data": "0x" + data.hex()}
        if to is not None:
            call["to"] = to
        with self._lock:
            for stuck in self._journal.open_entries():
                # A gap would hold everything after it for ever.
                self._deliver(stuck)
            gas, nonce, fees = self._prepare(call)
            entry = self._journal.append(nonce, self._signer(to, data, gas, fees))
            self._deliver(entry)
        mined = self._settle(entry, *self._await_receipt(entry))
        if mined is None:
            self._explain_failure(call, entry)
        return mined

    def _prepare(self, call: dict[str, Any]) -> tuple[int, int, Fees]:
        """Gas, the node's next nonce and fees for a call, asked in one request; what the contract
        refuses it refuses here.
        """
        account = [self.account.address, "pending"]
        found = cast(NodeProvider, self._w3.provider).make_all(
            [
                ("eth_estimateGas", [call, "pending"]),
                ("eth_getTransactionCount", account),
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_maxPriorityFeePerGas", []),
            ]
        )
        gas, nonce, tip = (int(found[place], 16) for place in (0, 1, 3))
        base_fee = int(found[2].get("baseFeePerGas", "0x0"), 16)
        return int(gas * _GAS_MARGIN), nonce, Fees.suggested(base_fee, tip)

    def _signer(self, to: str | None, data: bytes, gas: int, fees: Fees) -> Callable[[int], Entry]:
        def sign(nonce: int) -> Entry:
            signed = self._signing.sign_call(nonce=nonce, to=to, data=data, gas=gas, fees=fees)
            return Entry(nonce, signed.tx_hash, signed.raw)

        return sign

    def _deliver(self, entry: Entry) -> None:
        """Hands the entry's bytes to the node, unless it has them."""
        try:
            self._send_raw(entry.raw)
        except (RpcRefused, ContractRefused) as error:
            # Sent before, mined already, or (Hardhat) mined and reverted: all of these have it.
            if self._is_known(entry):
                return
            if self._nonce("latest") > entry.nonce:
                raise NonceTaken(self.account.address, entry.nonce) from None
            if isinstance(error, RpcRefused) and _is_about_funds(error.reason):
                raise AccountUnfunded(self.account.address, error.reason) from None
            raise

    def _send_raw(self, raw: bytes) -> None:
        self._w3.provider.make_request(RPCEndpoint("eth_sendRawTransaction"), ["0x" + raw.hex()])

    def _nonce(self, at: str) -> int:
        asked = [self.account.address, at]
        answer = self._w3.provider.make_request(RPCEndpoint("eth_getTransactionCount"), asked)
        return int(answer["result"], 16)

    def _is_known(self, entry: Entry) -> bool:
        return self._ask("eth_getTransactionByHash", entry) is not None

    def _ask(self, method: str, entry: Entry) -> dict[str, Any] | None:
        asked = ["0x" + entry.tx_hash.hex()]
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                answer = self._w3.provider.make_request(method, asked)  # type: ignore[arg-type]
                return cast(dict[str, Any] | None, answer["result"])
            except RpcRefused as error:
                # geth, for a moment after its start; "not known" would be a wrong answer then.
                if "indexing is in progress" not in error.reason or time.monotonic() > deadline:
                    raise
                time.sleep(_FIRST_PAUSE)

    def _await_receipt(self, entry: Entry) -> tuple[dict[str, Any], Block]:
        pause, deadline = _FIRST_PAUSE, time.monotonic() + self._timeout
        while True:
            receipt = self._ask("eth_getTransactionReceipt", entry)
            if receipt is not None:
                block = block_of(raw_block(self._w3, int(receipt["blockNumber"], 16)))
                # They differ while the node changes its mind about the newest blocks.
                if block.hash == bytes.fromhex(receipt["blockHash"][2:]):
                    return receipt, block
            if time.monotonic() > deadline:
                raise TransactionPending(entry.tx_hash, self._timeout)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _settle(self, entry: Entry, receipt: dict[str, Any], block: Block) -> Mined | None:
        """Notes the block; None when the transaction was mined but reverted."""
        self._journal.mark_mined(entry.nonce, block.number, block.hash)
        self._on_mined(block)
        if int(receipt["status"], 16) != 1:
            return None
        return Mined(
            entry.tx_hash,
            block,
            int(receipt["gasUsed"], 16),
            tuple(receipt["logs"]),
            receipt.get("contractAddress"),
        )

    def _explain_failure(self, call: dict[str, Any], entry: Entry) -> NoReturn:
        try:
            self._w3.eth.call(call, "latest")  # type: ignore[arg-type]
        except ContractRefused:
            raise
        except ChainError as error:
            raise TransactionFailed(entry.tx_hash, str(error)) from error
        raise TransactionFailed(entry.tx_hash, "it reverted, but would not do so now")

    def _refuse_lost_transactions(self) -> None:
        newest = self._journal.newest_mined()
        if newest is None or self._nonce("latest") > newest.nonce:
            return
        head = block_of(raw_block(self._w3, "latest")).number
        raise ChainBehind(newest.block_number or 0, newest.block_hash or b"", head, None)


def _is_about_funds(reason: str) -> bool:
    return any(words in reason for words in _ABOUT_FUNDS)
