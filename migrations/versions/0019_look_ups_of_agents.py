"""Counts an agent's look-ups of a day that found no code."""

from alembic import op

revision = "0019_look_ups_of_agents"
down_revision = "0018_key_ids"
branch_labels = None
depends_on = None

_UP = """
    ALTER TABLE agent
        ADD COLUMN unknown_codes_on DATE,
        ADD COLUMN unknown_codes INTEGER NOT NULL DEFAULT 0
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("ALTER TABLE agent DROP COLUMN unknown_codes_on, DROP COLUMN unknown_codes")
