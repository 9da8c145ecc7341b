"""A second approver of large amounts: three people who are three."""

from alembic import op

revision = "0027_second_approver"
down_revision = "0026_tills_people_and_cash"
branch_labels = None
depends_on = None

_APPROVERS = """
    ALTER TABLE reconciliation_break
        ADD COLUMN approvers_needed SMALLINT DEFAULT 1 NOT NULL,
        ADD COLUMN first_approved_by TEXT,
        ADD COLUMN first_approved_at TIMESTAMPTZ,
        ADD CONSTRAINT ck_reconciliation_break_approvers_needed CHECK (approvers_needed IN (1, 2)),
        ADD CONSTRAINT ck_reconciliation_break_first_approved
            CHECK ((first_approved_by IS NULL) = (first_approved_at IS NULL)),
        ADD CONSTRAINT ck_reconciliation_break_two_approvers CHECK (
            approvers_needed = 1 OR approved_by IS NULL OR first_approved_by IS NOT NULL),
        ADD CONSTRAINT ck_reconciliation_break_three_people CHECK (
            person_key(first_approved_by) <> person_key(proposed_by)
            AND person_key(first_approved_by) <> person_key(approved_by));
"""


def upgrade() -> None:
    op.execute(_APPROVERS)


def downgrade() -> None:
    op.execute(
        "ALTER TABLE reconciliation_break DROP COLUMN approvers_needed,"
        " DROP COLUMN first_approved_by, DROP COLUMN first_approved_at"
    )
