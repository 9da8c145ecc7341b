"""Marks answers to phones that are no artisan's, which cost and are bounded in all."""

from alembic import op

revision = "0020_answers_to_strangers"
down_revision = "0019_look_ups_of_agents"
branch_labels = None
depends_on = None

_UP = """
    ALTER TABLE inbound_message ADD COLUMN from_stranger BOOLEAN NOT NULL DEFAULT false;
    CREATE INDEX ix_inbound_message_strangers ON inbound_message (received_at)
        WHERE answered AND from_stranger;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("ALTER TABLE inbound_message DROP COLUMN from_stranger")
