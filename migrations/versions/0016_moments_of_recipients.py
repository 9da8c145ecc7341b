"""Keeps when each phone was recorded for a receipt: its number may change hands afterwards."""

from alembic import op

revision = "0016_moments_of_recipients"
down_revision = "0015_indexes_of_doubles"
branch_labels = None
depends_on = None

_UP = """
    ALTER TABLE receipt_recipient ADD COLUMN added_at TIMESTAMPTZ;
    UPDATE receipt_recipient SET added_at = payment_code.issued_at
        FROM payment_code WHERE payment_code.code = receipt_recipient.code;
    ALTER TABLE receipt_recipient ALTER COLUMN added_at SET NOT NULL;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("ALTER TABLE receipt_recipient DROP COLUMN added_at")
