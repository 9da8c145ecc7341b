"""Breaks of what people were told in a gap of the books; phones of reports nobody awaits."""

from alembic import op

revision = "0055_told_in_gap"
down_revision = "0054_audit_by_month"
branch_labels = None
depends_on = None

_OLD = [
    *("missing_here", "missing_there", "amount_differs", "duplicate", "other_agent"),
    *("reversed_there", "reversed_here", "other_amount_sent", "posting_refused"),
    *("reversal_asked", "not_owed", "lost_in_restore", "retried_after_restore"),
]


def _check_kinds(kinds: list[str]) -> None:
    named = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute("ALTER TABLE reconciliation_break DROP CONSTRAINT ck_reconciliation_break_kind")
    op.execute(
        "ALTER TABLE reconciliation_break ADD CONSTRAINT ck_reconciliation_break_kind"
        f" CHECK (kind IN ({named}))"
    )


def upgrade() -> None:
    _check_kinds([*_OLD, "told_in_gap"])
    op.execute("ALTER TABLE delivery_report ADD COLUMN phone TEXT")
    op.execute("""
        CREATE INDEX ix_delivery_report_phone ON delivery_report (phone) WHERE phone IS NOT NULL
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE delivery_report DROP COLUMN phone")
    # The next kind to be acknowledged alone; `details` keep what it was.
    op.execute("""
        UPDATE reconciliation_break SET kind = 'retried_after_restore',
            details = details || '{"kind": "told_in_gap"}' WHERE kind = 'told_in_gap'
    """)
    _check_kinds(_OLD)
