"""What the endpoints of receipts take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.consents.models import TOKEN, Hex32, example


class ReceiptKeyChoice(BaseModel):
    """An X25519 public key (RFC 7748)."""

    model_config = example({"x25519": "0x" + "99" * 32})

    x25519: Hex32


class ReceiptKeyShown(BaseModel):
    """The key to which sites encrypt receipts, with the holder's signature."""

    model_config = example(
        {
            "x25519": "0x" + "99" * 32,
            "issued_at": 1767225600,
            "statement": {"typed_data": {}, "signer": "0x", "signature": "0x"},
            "stored_at": "2030-01-01T12:00:00Z",
        }
    )

    x25519: str
    issued_at: int
    statement: dict[str, Any]
    stored_at: datetime


class ReceiptBody(BaseModel):
    """A receipt, encrypted (study/receipt_envelope.py) to a key that its holder has named."""

    model_config = example({"x25519": "0x" + "99" * 32, "sealed": "0x" + "ab" * 64})

    x25519: Hex32
    sealed: Annotated[str, Field(pattern=r"^0x([0-9a-f]{2}){48,8192}$")]


class ReceiptShown(BaseModel):
    """An encrypted receipt; `sealed` is HPKE's enc and ciphertext."""

    model_config = example(
        {
            "token_id": TOKEN,
            "round": 3,
            "x25519": "0x" + "99" * 32,
            "sealed": "0x" + "ab" * 64,
            "stored_at": "2030-01-01T12:00:00Z",
        }
    )

    token_id: str
    round: int
    x25519: str
    sealed: str
    stored_at: datetime


class WantedReceipts(BaseModel):
    """A token of the caller's site whose holder wants receipts. `held`: rounds of which one is
    here for this key. Verify the statement before anything is encrypted to its key.
    """

    model_config = example(
        {"token_id": TOKEN, "receipt_key": {"typed_data": {}, "signer": "0x"}, "held": [1, 2]}
    )

    token_id: str
    receipt_key: dict[str, Any]
    held: list[int]
