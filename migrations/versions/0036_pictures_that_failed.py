"""A picture that could not be drawn says so."""

from alembic import op

revision = "0036_pictures_that_failed"
down_revision = "0035_approvers_of_withdrawals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE picture ADD COLUMN failed_at TIMESTAMPTZ,"
        " ADD CONSTRAINT ck_picture_failed CHECK (failed_at IS NULL OR svg IS NULL)"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE picture DROP COLUMN failed_at")
