"""What a transaction costs at most, and its signed bytes (EIP-1559, type 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

# The same bytes must still be acceptable when they are sent again later, at a higher base fee.
_BASE_FEE_MARGIN = 4


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class SignedTransaction:
    """The bytes of a signed transaction and their hash."""

    tx_hash: bytes
    raw: bytes


def sign_call(
    account: LocalAccount,
    *,
    chain_id: int,
    nonce: int,
    to: str | None,
    data: bytes,
    gas: int,
    fees: Fees,
) -> SignedTransaction:
    """One call without value, or a creation when `to` is None."""
    transaction: dict[str, Any] = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": fees.max_fee,
        "maxPriorityFeePerGas": fees.tip,
        "value": 0,
        "data": data,
    }
    if to is not None:
        transaction["to"] = to
    signed = account.sign_transaction(transaction)
    return SignedTransaction(bytes(signed.hash), bytes(signed.raw_transaction))


def _eighth_more(value: int) -> int:
    return value + -(-value // 8)
