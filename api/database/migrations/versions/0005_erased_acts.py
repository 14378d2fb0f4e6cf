"""An act that is on its way when somebody asks for erasure goes once it is over."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "outbox_acts",
        sa.Column("is_erased", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_index(
        "ix_outbox_acts_erased",
        "outbox_acts",
        ["accepted_at"],
        sqlite_where=sa.text("is_erased"),
        postgresql_where=sa.text("is_erased"),
    )
