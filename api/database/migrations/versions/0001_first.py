"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("address", sa.LargeBinary(20), nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_access_tokens_digest")),
    )
    op.create_index(op.f("ix_access_tokens_address"), "access_tokens", ["address"], unique=False)
    op.create_index(
        op.f("ix_access_tokens_expires_at"), "access_tokens", ["expires_at"], unique=False
    )
    op.create_table(
        "blocks",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_blocks")),
    )
    op.create_table(
        "bundle_jobs",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("steps_done", sa.BigInteger(), nullable=False),
        sa.Column("steps_total", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("report", _JSON, nullable=True),
        sa.Column("file_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("file_bytes", sa.BigInteger(), nullable=True),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_bundle_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_bundle_jobs_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bundle_jobs_queue", "bundle_jobs", ["state", "sequence"], unique=False)
    op.create_index("ix_bundle_jobs_study", "bundle_jobs", ["study_id", "sequence"], unique=False)
    op.create_index(
        "uq_bundle_jobs_unfinished",
        "bundle_jobs",
        ["study_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('waiting', 'running')"),
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_table(
        "chain_index",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_index")),
    )
    op.create_table(
        "enrolment_offers",
        sa.Column("locator", sa.LargeBinary(length=32), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.LargeBinary(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holder", sa.LargeBinary(20), nullable=True),
        sa.Column("claim", sa.LargeBinary(length=32), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("locator", name=op.f("pk_enrolment_offers")),
    )
    op.create_index(
        op.f("ix_enrolment_offers_expires_at"), "enrolment_offers", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_enrolment_offers_holder"), "enrolment_offers", ["holder"], unique=False
    )
    op.create_index(op.f("ix_enrolment_offers_site"), "enrolment_offers", ["site"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.LargeBinary(20), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.LargeBinary(20), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request", _JSON, nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmation", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("holder", "study_id", "site", name=op.f("uq_erasures_holder")),
    )
    op.create_index(op.f("ix_erasures_holder"), "erasures", ["holder"], unique=False)
    op.create_index(op.f("ix_erasures_site"), "erasures", ["site"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.LargeBinary(20), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request", sa.LargeBinary(length=32), nullable=False),
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        op.f("ix_idempotency_keys_used_at"), "idempotency_keys", ["used_at"], unique=False
    )
    op.create_table(
        "passkeys",
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(20), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_passkeys")),
    )
    op.create_index(op.f("ix_passkeys_address"), "passkeys", ["address"], unique=False)
    op.create_table(
        "receipt_keys",
        sa.Column("holder", sa.LargeBinary(20), nullable=False),
        sa.Column("x25519", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("statement", _JSON, nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_receipt_keys")),
    )
    op.create_table(
        "receipts",
        sa.Column("token_id", sa.LargeBinary(32), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.LargeBinary(20), nullable=False),
        sa.Column("holder", sa.LargeBinary(20), nullable=False),
        sa.Column("x25519", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_id", "round", name=op.f("pk_receipts")),
    )
    op.create_index(op.f("ix_receipts_holder"), "receipts", ["holder"], unique=False)
    op.create_index("ix_receipts_site", "receipts", ["site", "token_id"], unique=False)
    op.create_table(
        "relay_transactions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("genesis", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account", sa.LargeBinary(20), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.LargeBinary(20), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relay_transactions")),
        sa.UniqueConstraint(
            "genesis", "account", "nonce", name=op.f("uq_relay_transactions_genesis")
        ),
    )
    op.create_index(
        op.f("ix_relay_transactions_is_final"), "relay_transactions", ["is_final"], unique=False
    )
    op.create_table(
        "relayer_facts",
        sa.Column("account", sa.LargeBinary(20), nullable=False),
        sa.Column("balance", sa.LargeBinary(32), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_relayer_facts")),
    )
    op.create_table(
        "signin_nonces",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_signin_nonces")),
    )
    op.create_index(
        op.f("ix_signin_nonces_expires_at"), "signin_nonces", ["expires_at"], unique=False
    )
    op.create_table(
        "signin_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("address", sa.LargeBinary(20), nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signin_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_signin_sessions_digest")),
    )
    op.create_index(
        op.f("ix_signin_sessions_address"), "signin_sessions", ["address"], unique=False
    )
    op.create_index(
        op.f("ix_signin_sessions_expires_at"), "signin_sessions", ["expires_at"], unique=False
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.LargeBinary(32), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.LargeBinary(20), nullable=False),
        sa.Column("holder", sa.LargeBinary(20), nullable=False),
        sa.Column("granted_block", sa.BigInteger(), nullable=False),
        sa.Column("granted_tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("revoked_block", sa.BigInteger(), nullable=True),
        sa.Column("revoked_tx", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_tokens")),
    )
    op.create_index("ix_tokens_cohort", "tokens", ["study_id", "site", "token_id"], unique=False)
    op.create_index(op.f("ix_tokens_granted_block"), "tokens", ["granted_block"], unique=False)
    op.create_index(op.f("ix_tokens_holder"), "tokens", ["holder"], unique=False)
    op.create_index(op.f("ix_tokens_revoked_block"), "tokens", ["revoked_block"], unique=False)
    op.create_table(
        "undone_events",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("undone", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("block_timestamp", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("contract", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("values", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_undone_events")),
    )
    op.create_index("ix_undone_study", "undone_events", ["study_id", "sequence"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.LargeBinary(20), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=True),
        sa.Column("kinds", _JSON, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_owner"), "webhooks", ["owner"], unique=False)
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("contract", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("topic0", sa.LargeBinary(length=32), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("values", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["block_number"], ["blocks.number"], name=op.f("fk_events_block_number_blocks")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_events")),
    )
    op.create_index("ix_events_name", "events", ["study_id", "name", "sequence"], unique=False)
    op.create_index("ix_events_place", "events", ["block_number", "log_index"], unique=True)
    op.create_index("ix_events_study", "events", ["study_id", "sequence"], unique=False)
    op.create_table(
        "outbox_acts",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("account", sa.LargeBinary(20), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.LargeBinary(20), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voice_of", sa.LargeBinary(length=32), nullable=True),
        sa.Column("signed", _JSON, nullable=True),
        sa.Column("quota_address", sa.LargeBinary(20), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_id", sa.LargeBinary(32), nullable=True),
        sa.Column("reason_code", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["relay_transactions.id"],
            name=op.f("fk_outbox_acts_transaction_id_relay_transactions"),
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_outbox_acts")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_acts_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outbox_acts_account"), "outbox_acts", ["account"], unique=False)
    op.create_index(
        "ix_outbox_acts_queue", "outbox_acts", ["state", "priority", "sequence"], unique=False
    )
    op.create_index(
        "ix_outbox_acts_quota", "outbox_acts", ["quota_address", "accepted_at"], unique=False
    )
    op.create_index(op.f("ix_outbox_acts_study_id"), "outbox_acts", ["study_id"], unique=False)
    op.create_index(
        op.f("ix_outbox_acts_transaction_id"), "outbox_acts", ["transaction_id"], unique=False
    )
    op.create_index(op.f("ix_outbox_acts_voice_of"), "outbox_acts", ["voice_of"], unique=False)
    op.create_index(
        "uq_outbox_acts_digest",
        "outbox_acts",
        ["digest"],
        unique=True,
        sqlite_where=sa.text("state <> 'failed'"),
        postgresql_where=sa.text("state <> 'failed'"),
    )
    op.create_table(
        "relay_signed_forms",
        sa.Column("tx_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee", sa.BigInteger(), nullable=False),
        sa.Column("tip", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["relay_transactions.id"],
            name=op.f("fk_relay_signed_forms_transaction_id_relay_transactions"),
        ),
        sa.PrimaryKeyConstraint("tx_hash", name=op.f("pk_relay_signed_forms")),
    )
    op.create_index(
        op.f("ix_relay_signed_forms_transaction_id"),
        "relay_signed_forms",
        ["transaction_id"],
        unique=False,
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=64), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name=op.f("fk_webhook_deliveries_webhook_id_webhooks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_at"], unique=False
    )
    op.create_index(
        "ix_webhook_deliveries_once", "webhook_deliveries", ["webhook_id", "sequence"], unique=True
    )
