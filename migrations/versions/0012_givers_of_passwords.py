"""Keeps who gave a user of the office the last one-time password, and when."""

from alembic import op

revision = "0012_givers_of_passwords"
down_revision = "0011_indexes_of_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE office_user ADD COLUMN given_by TEXT, ADD COLUMN given_at TIMESTAMPTZ;
        ALTER TABLE office_user ADD CONSTRAINT ck_office_user_given
            CHECK ((given_by IS NULL) = (given_at IS NULL));
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE office_user DROP COLUMN given_by, DROP COLUMN given_at")
