"""Wrong secrets are counted apart in a browser or terminal where the user signed in before."""

from alembic import op

revision = "0033_doors_of_names"
down_revision = "0032_pictures_and_reports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE office_seat
            ADD COLUMN wrong_secrets SMALLINT DEFAULT 0 NOT NULL,
            ADD COLUMN pauses SMALLINT DEFAULT 0 NOT NULL,
            ADD COLUMN paused_until TIMESTAMPTZ,
            ADD CONSTRAINT ck_office_seat_wrong_secrets CHECK (wrong_secrets >= 0 AND pauses >= 0);
        """
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE office_seat DROP COLUMN wrong_secrets, DROP COLUMN pauses,"
        " DROP COLUMN paused_until"
    )
