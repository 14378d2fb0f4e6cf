"""Run by Alembic: applies the revisions on the connection that `api.database.migrate` gives."""

from alembic import context

from api.database.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
