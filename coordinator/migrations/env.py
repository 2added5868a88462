"""Run the migrations on the connection that ``coordinator.database`` hands over; nothing else."""

from alembic import context

from coordinator.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
