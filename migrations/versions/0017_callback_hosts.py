"""Keeps at which hosts each client may be called back: in production callbacks go to no other."""

from alembic import op

revision = "0017_callback_hosts"
down_revision = "0016_moments_of_recipients"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE api_client ADD COLUMN callback_hosts TEXT[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE api_client DROP COLUMN callback_hosts")
