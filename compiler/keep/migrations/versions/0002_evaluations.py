"""Scores of candidates on splits, and the index that reading a run's ledger needs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table and the index."""
    op.create_table(
        "evaluations",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("candidate", sa.Text, primary_key=True),
        sa.Column("split", sa.Text, primary_key=True),
        sa.Column("mean", sa.Float),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ledger_by_run", "ledger", ["run", "seq"])
