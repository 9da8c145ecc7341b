"""Codes of reversals with the id of their key: room for it before the digest."""

from alembic import op

revision = "0021_reversal_code_ids"
down_revision = "0020_answers_to_strangers"
branch_labels = None
depends_on = None

_UP = """
    ALTER TABLE reversal_code DROP CONSTRAINT ck_reversal_code_digest;
    ALTER TABLE reversal_code ADD CONSTRAINT ck_reversal_code_digest
        CHECK (octet_length(code_digest) IN (32, 36));
"""
# Codes live for minutes: whoever waits for one asks for another.
_DOWN = """
    DELETE FROM reversal_code WHERE octet_length(code_digest) <> 32;
    ALTER TABLE reversal_code DROP CONSTRAINT ck_reversal_code_digest;
    ALTER TABLE reversal_code ADD CONSTRAINT ck_reversal_code_digest
        CHECK (octet_length(code_digest) = 32);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
