"""What was read of the chain. Everything here can be read from it again."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Bytes, Hash, Json, Number, Uint256, Word


class IndexedBlock(Base):
    """A block that was read: the newest one, and those that hold an event or may yet be undone."""

    __tablename__ = "blocks"

    number: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[Hash]
    timestamp: Mapped[Number]


class IndexedEvent(Base):
    """One event of the three contracts, in chain order (`sequence` rises and is never reused).

    `name` is the event's, `values` its members as JSON (integers beyond 2^53 and bytes as text),
    `data` what enters the running hash.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_place", "block_number", "log_index", unique=True),
        Index("ix_events_study", "study_id", "sequence"),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    block_number: Mapped[Number] = mapped_column(ForeignKey("blocks.number", ondelete="CASCADE"))
    log_index: Mapped[int]
    tx_hash: Mapped[Hash]
    contract: Mapped[Word]
    name: Mapped[Word]
    topic0: Mapped[Hash]
    study_id: Mapped[Number]
    data: Mapped[Bytes]
    values: Mapped[Json]


class IndexedToken(Base):
    """A consent token as its events tell; both blocks allow to undo them."""

    __tablename__ = "tokens"
    __table_args__ = (Index("ix_tokens_cohort", "study_id", "site", "token_id"),)

    token_id: Mapped[Uint256] = mapped_column(primary_key=True)
    study_id: Mapped[Number]
    site: Mapped[Address]
    holder: Mapped[Address] = mapped_column(index=True)
    granted_block: Mapped[Number]
    granted_tx: Mapped[Hash]
    revoked_block: Mapped[Number | None]
    revoked_tx: Mapped[Hash | None]
