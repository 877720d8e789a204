"""Run by alembic, on the connection and in the transaction that ``migrate`` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    # SQLite can undo DDL, which alembic does not count on unless told: a killed migration leaves nothing.
    transactional_ddl=True,
)
context.run_migrations()
