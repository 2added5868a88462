"""Run the migrations on the connection that ``coordinator.database`` hands over; nothing else."""

from importlib import import_module
from pkgutil import iter_modules

from alembic import context

import coordinator
from coordinator.schema import metadata

for module in iter_modules(coordinator.__path__):
    if module.name.startswith("schema_"):  # each adds its tables to the metadata
        import_module(f"coordinator.{module.name}")
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
