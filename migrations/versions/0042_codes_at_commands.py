"""A second factor proven at a command is known at that terminal for a while."""

from alembic import op

revision = "0042_codes_at_commands"
down_revision = "0041_outages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE office_seat ADD COLUMN factor_at TIMESTAMPTZ")


def downgrade() -> None:
    op.execute("ALTER TABLE office_seat DROP COLUMN factor_at")
