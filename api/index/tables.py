"""What was read of the chain. Everything here can be read from it again."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Bytes, Hash, Json, Number, Uint256, Word


class ChainIndex(Base):
    """The only row: whose chain this is, and the last number that a change was given.

    `deployment` is a hash over the genesis block and the contracts' addresses. Whoever writes to
    the index holds this row, so numbers become visible in their order.
    """

    __tablename__ = "chain_index"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    deployment: Mapped[Hash]
    sequence: Mapped[Number]


class IndexedBlock(Base):
    """A block that was read: the newest one, and those that hold an event or may yet be undone."""

    __tablename__ = "blocks"

    number: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[Hash]
    timestamp: Mapped[Number]


class IndexedEvent(Base):
    """One event of the three contracts, in chain order (`sequence` rises and is never reused).

    `name` is the event's, `values` its members as JSON (integers that may pass 2^53 and bytes as
    text), `data` what enters the running hash.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_place", "block_number", "log_index", unique=True),
        Index("ix_events_study", "study_id", "sequence"),
        Index("ix_events_name", "study_id", "name", "sequence"),
    )

    sequence: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    block_number: Mapped[Number] = mapped_column(ForeignKey("blocks.number"))
    log_index: Mapped[int]
    tx_hash: Mapped[Hash]
    contract: Mapped[Word]
    name: Mapped[Word]
    topic0: Mapped[Hash]
    study_id: Mapped[Number]
    data: Mapped[Bytes]
    values: Mapped[Json]


class UndoneEvent(Base):
    """An event that a reorganisation undid; whoever was told of number `undone` is told of this.

    It stands in the same order as events: its `sequence` comes from the same counter.
    """

    __tablename__ = "undone_events"
    __table_args__ = (Index("ix_undone_study", "study_id", "sequence"),)

    sequence: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    undone: Mapped[Number]
    block_number: Mapped[Number]
    block_hash: Mapped[Hash]
    block_timestamp: Mapped[Number]
    log_index: Mapped[int]
    tx_hash: Mapped[Hash]
    contract: Mapped[Word]
    name: Mapped[Word]
    study_id: Mapped[Number]
    values: Mapped[Json]


class IndexedToken(Base):
    """A consent token as its events tell; both blocks allow to undo them."""

    __tablename__ = "tokens"
    __table_args__ = (Index("ix_tokens_cohort", "study_id", "site", "token_id"),)

    token_id: Mapped[Uint256] = mapped_column(primary_key=True)
    study_id: Mapped[Number]
    site: Mapped[Address]
    holder: Mapped[Address] = mapped_column(index=True)
    granted_block: Mapped[Number] = mapped_column(index=True)
    granted_tx: Mapped[Hash]
    revoked_block: Mapped[Number | None] = mapped_column(index=True)
    revoked_tx: Mapped[Hash | None]
