"""Webhooks' secrets lie under a key, and webhooks end.

The secrets themselves are sealed by the worker, which has the key, when it starts next.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# SQLite adds no column without a value; no row is left with this one.
_LONG_AGO = "1970-01-01 00:00:00.000000"


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("secret_key", sa.String(length=64)))
    op.add_column("webhooks", sa.Column("made_by", sa.String(length=64)))
    op.create_index(op.f("ix_webhooks_made_by"), "webhooks", ["made_by"])
    moment = sa.DateTime(timezone=True)
    op.add_column(
        "webhooks", sa.Column("expires_at", moment, server_default=_LONG_AGO, nullable=False)
    )
    # Those that are there live on as if they were made now.
    ends = datetime.now(UTC) + timedelta(days=90)
    webhooks = sa.table("webhooks", sa.column("expires_at", moment))
    op.execute(webhooks.update().values(expires_at=ends))
