"""Keys that holders named, and receipts that only those keys open."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Bytes, Hash, Json, Moment, Number, Uint256


class ReceiptKeyRow(Base):
    """The newest ReceiptKey of a holder; `statement` is what sites verify for themselves."""

    __tablename__ = "receipt_keys"

    holder: Mapped[Address] = mapped_column(primary_key=True)
    x25519: Mapped[Hash]
    issued_at: Mapped[Number]
    statement: Mapped[Json]
    stored_at: Mapped[Moment]


class SealedReceipt(Base):
    """One receipt as the site encrypted it, to the key `x25519`."""

    __tablename__ = "receipts"
    __table_args__ = (Index("ix_receipts_site", "site", "token_id"),)

    token_id: Mapped[Uint256] = mapped_column(primary_key=True)
    round: Mapped[Number] = mapped_column(primary_key=True)
    site: Mapped[Address]
    holder: Mapped[Address] = mapped_column(index=True)
    x25519: Mapped[Hash]
    sealed: Mapped[Bytes]
    stored_at: Mapped[Moment]
