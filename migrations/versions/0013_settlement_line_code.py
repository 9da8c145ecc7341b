"""Drops the index of a line's code, which nothing reads: network_payment has the codes."""

from alembic import op

revision = "0013_settlement_line_code"
down_revision = "0012_givers_of_passwords"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP INDEX ix_settlement_line_code")


def downgrade() -> None:
    op.execute("CREATE INDEX ix_settlement_line_code ON settlement_line (code)")
