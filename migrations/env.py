"""Alembic's entry: the connection comes from `flask db`, the tables from every room's models."""

from alembic import context

from app.migrating import load_models

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=load_models(),
    # No table stays locked until all of them are done.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
