"""Signed acts, the transactions that carry them, and every form in which those were sent."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Bytes, Hash, Json, Moment, Number, Uint256, Word


class OutboxAct(Base):
    """One signed act, in the order of acceptance (`sequence`).

    `state`: see `api.outbox.states`. `digest` says which act it is, whoever brings it, and is
    unique among acts that have not failed. `contract` and `data` are the call that carries it and
    `gas` what that was estimated at, at `checked_at`. What several reviewers must say together
    has the same `voice_of`, and keeps what was `signed`. `quota_address` is whom it counts for,
    null when it counts for nobody. `transaction_id` is what carries it, `tries` how many did.
    `is_erased`: whom it is about has asked for erasure; it goes once it is over and counts no more.
    """

    __tablename__ = "outbox_acts"
    __table_args__ = (
        Index(
            "uq_outbox_acts_digest",
            "digest",
            unique=True,
            sqlite_where=text("state <> 'failed'"),
            postgresql_where=text("state <> 'failed'"),
        ),
        Index("ix_outbox_acts_queue", "state", "priority", "sequence"),
        Index("ix_outbox_acts_quota", "quota_address", "accepted_at"),
        Index(
            "ix_outbox_acts_erased",
            "accepted_at",
            sqlite_where=text("is_erased"),
            postgresql_where=text("is_erased"),
        ),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[Word] = mapped_column(unique=True)
    digest: Mapped[Hash]
    kind: Mapped[Word]
    priority: Mapped[int]
    state: Mapped[Word]
    account: Mapped[Address] = mapped_column(index=True)
    study_id: Mapped[Number] = mapped_column(index=True)
    contract: Mapped[Address]
    data: Mapped[Bytes]
    gas: Mapped[Number]
    checked_at: Mapped[Moment]
    voice_of: Mapped[Hash | None] = mapped_column(index=True)
    signed: Mapped[Json | None]
    quota_address: Mapped[Address | None]
    accepted_at: Mapped[Moment]
    transaction_id: Mapped[int | None] = mapped_column(
        ForeignKey("relay_transactions.id"), index=True
    )
    tries: Mapped[int] = mapped_column(default=0)
    settled_at: Mapped[Moment | None]
    token_id: Mapped[Uint256 | None]
    reason_code: Mapped[Word | None]
    reason: Mapped[str | None]
    is_erased: Mapped[bool] = mapped_column(default=False, server_default=false())


class RelayTransaction(Base):
    """One nonce of the relayer's account: a call, and where it was mined (null: not known to be).

    `status` is the receipt's. `is_final`: nothing more is expected, as the block stays by the
    deployment's profile.
    """

    __tablename__ = "relay_transactions"
    __table_args__ = (UniqueConstraint("genesis", "account", "nonce"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    genesis: Mapped[Hash]
    account: Mapped[Address]
    nonce: Mapped[Number]
    contract: Mapped[Address]
    data: Mapped[Bytes]
    gas: Mapped[Number]
    tx_hash: Mapped[Hash | None]
    block_number: Mapped[Number | None]
    block_hash: Mapped[Hash | None]
    block_timestamp: Mapped[Number | None]
    status: Mapped[int | None]
    is_final: Mapped[bool] = mapped_column(index=True)


class SignedForm(Base):
    """Bytes that were signed for a nonce, kept before they are sent; a dearer one replaces them."""

    __tablename__ = "relay_signed_forms"

    tx_hash: Mapped[Hash] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("relay_transactions.id"), index=True)
    raw: Mapped[Bytes]
    max_fee: Mapped[Number]
    tip: Mapped[Number]
    signed_at: Mapped[Moment]


class IdempotencyKey(Base):
    """What a client's `Idempotency-Key` was used for; `scope` is whose key it is."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[Address] = mapped_column(primary_key=True)
    key: Mapped[Hash] = mapped_column(primary_key=True)
    request: Mapped[Hash]
    act_id: Mapped[Word]
    used_at: Mapped[Moment] = mapped_column(index=True)


class RelayerFacts(Base):
    """What the worker last saw of its account, for the metrics of the web process."""

    __tablename__ = "relayer_facts"

    account: Mapped[Address] = mapped_column(primary_key=True)
    balance: Mapped[Uint256]
    seen_at: Mapped[Moment]
