"""What a restore lost: spans of time that the books lack, and breaks for what comes back."""

from alembic import op

revision = "0045_books_gaps"
down_revision = "0044_backup_rehearsals"
branch_labels = None
depends_on = None

_OLD = [
    *("missing_here", "missing_there", "amount_differs", "duplicate", "other_agent"),
    *("reversed_there", "reversed_here", "other_amount_sent", "posting_refused"),
    *("reversal_asked", "not_owed"),
]
_NEW = ["lost_in_restore", "retried_after_restore"]


def _check_kinds(kinds: list[str]) -> None:
    named = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute("ALTER TABLE reconciliation_break DROP CONSTRAINT ck_reconciliation_break_kind")
    op.execute(
        "ALTER TABLE reconciliation_break ADD CONSTRAINT ck_reconciliation_break_kind"
        f" CHECK (kind IN ({named}))"
    )


def upgrade() -> None:
    op.execute("""
        CREATE TABLE books_gap (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            begins_at TIMESTAMPTZ NOT NULL,
            ends_at TIMESTAMPTZ NOT NULL,
            recorded_by TEXT NOT NULL,
            CONSTRAINT pk_books_gap PRIMARY KEY (id),
            CONSTRAINT ck_books_gap_span CHECK (begins_at < ends_at)
        )
    """)
    _check_kinds([*_OLD, *_NEW])


def downgrade() -> None:
    # What came back of a lost payment is one that the network tells and the books lack.
    op.execute("""
        UPDATE reconciliation_break SET kind = 'missing_here' WHERE kind = 'lost_in_restore'
    """)
    op.execute("""
        UPDATE reconciliation_break SET kind = 'not_owed', details = details || '{"kind":
            "retried_after_restore"}' WHERE kind = 'retried_after_restore'
    """)
    _check_kinds(_OLD)
    op.execute("DROP TABLE books_gap")
