"""Payments of a network known by their reference, files that can be withdrawn, and their breaks.

A break of before that only repetition opened keeps no reference: `flask breaks close-repeated`
closes it.
"""

from pathlib import Path

from alembic import op

revision = "0005_network_payments"
down_revision = "0004_birth_year"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix(".sql")

_KINDS = (
    "'missing_here', 'missing_there', 'amount_differs', 'duplicate', 'other_agent',"
    " 'reversed_there', 'reversed_here', 'other_amount_sent', 'posting_refused', 'reversal_asked'"
)


def upgrade() -> None:
    op.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drops what was added. Breaks of the kind `not_owed` must have been removed before."""
    op.execute("DROP TRIGGER reconciliation_break_owed ON reconciliation_break")
    op.execute("DROP TRIGGER network_payment_kept ON network_payment")
    op.execute("DROP TABLE network_payment")
    op.execute("DROP FUNCTION check_charge_told")
    op.execute(
        "DROP INDEX ix_reconciliation_break_reference, ix_reconciliation_break_code,"
        " uq_reconciliation_break_waiting, uq_reconciliation_break_missing_there"
    )
    op.execute("ALTER TABLE reconciliation_break DROP COLUMN reference")
    op.execute("ALTER TABLE reconciliation_break DROP CONSTRAINT ck_reconciliation_break_kind")
    op.execute(
        "ALTER TABLE reconciliation_break ADD CONSTRAINT ck_reconciliation_break_kind"
        f" CHECK (kind IN ({_KINDS}))"
    )
    op.execute(
        "ALTER TABLE settlement_file DROP COLUMN first_day, DROP COLUMN withdrawal_asked_by,"
        " DROP COLUMN withdrawal_reason, DROP COLUMN withdrawal_asked_at, DROP COLUMN withdrawn_by,"
        " DROP COLUMN withdrawn_at"
    )
    op.execute("DROP INDEX ix_settlement_file_digest")
    op.execute(
        "ALTER TABLE settlement_file ADD CONSTRAINT uq_settlement_file_digest UNIQUE (digest)"
    )
