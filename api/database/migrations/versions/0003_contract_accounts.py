"""Sessions of contract accounts say what these stand by; passkeys say when they were used."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in ("signin_sessions", "access_tokens"):
        op.add_column(table, sa.Column("approval", sa.LargeBinary()))
    op.add_column("passkeys", sa.Column("used_at", sa.DateTime(timezone=True)))
    op.create_index(op.f("ix_passkeys_used_at"), "passkeys", ["used_at"])
    # Nobody knows which of these were used: all are kept.
    op.execute("UPDATE passkeys SET used_at = created_at")
