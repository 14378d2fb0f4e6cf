"""A block that is told has a time: the one that holds a relayed transaction as well."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("relay_transactions", sa.Column("block_timestamp", sa.BigInteger()))
    # Blocks with an event of ours are kept for good, and a carried act is one.
    op.execute(
        "UPDATE relay_transactions SET block_timestamp = (SELECT timestamp FROM blocks"
        " WHERE number = relay_transactions.block_number AND hash = relay_transactions.block_hash)"
    )
