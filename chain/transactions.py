"""What a transaction costs at most, and its signed bytes (EIP-1559, type 2)."""

from __future__ import annotations

from typing import Any

from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from chain.light_dataclass import light_dataclass

# The same bytes must still be acceptable when they are sent again later, at a higher base fee.
_BASE_FEE_MARGIN = 4


@light_dataclass(frozen=True)
class Fees:
    """Wei per gas: the most that is paid in all, and of it the tip."""

    max_fee: int
    tip: int

    @classmethod
    def suggested(cls, base_fee: int, tip: int) -> Fees:
        """For a block of this base fee, with room for the ones after it."""
        return cls(_BASE_FEE_MARGIN * base_fee + tip, tip)

    def replacing(self, before: Fees) -> Fees:
        """At least these, and enough more than `before` that nodes take it in the same nonce's
        place: an eighth, where geth asks for a tenth of both (txpool.pricebump).
        """
        return Fees(
            max(self.max_fee, _eighth_more(before.max_fee)), max(self.tip, _eighth_more(before.tip))
        )


@light_dataclass(frozen=True)
class SignedTransaction:
    """The bytes of a signed transaction and their hash."""

    tx_hash: bytes
    raw: bytes


class TransactionSigner:
    """Signs one account's transactions on one chain.

    `LocalAccount.sign_transaction` derives the public key anew each time, which is half of its work
    where no native library is installed.
    """

    def __init__(self, account: LocalAccount, chain_id: int) -> None:
        self._key, self._chain_id = PrivateKey(bytes(account.key)), chain_id

    def sign_call(
        self, *, nonce: int, to: str | None, data: bytes, gas: int, fees: Fees
    ) -> SignedTransaction:
        """One call without value, or a creation when `to` is None."""
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "gas": gas,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.tip,
            "value": 0,
            "data": data,
            "accessList": (),
        }
        if to is not None:
            transaction["to"] = to
        digest = bytes(TypedTransaction.from_dict(transaction).hash())
        v, r, s = self._key.sign_msg_hash(digest).vrs
        signed = TypedTransaction.from_dict(transaction | {"v": v, "r": r, "s": s})
        raw = bytes(signed.encode())
        return SignedTransaction(keccak(raw), raw)


def _eighth_more(value: int) -> int:
    return value + -(-value // 8)
