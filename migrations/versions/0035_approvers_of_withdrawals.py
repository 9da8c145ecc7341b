"""A second approver where the withdrawal of a settlement file is about much money."""

from alembic import op

revision = "0035_approvers_of_withdrawals"
down_revision = "0034_office_work"
branch_labels = None
depends_on = None

_APPROVERS = """
    ALTER TABLE settlement_file
        ADD COLUMN approvers_needed SMALLINT DEFAULT 1 NOT NULL,
        ADD COLUMN first_approved_by TEXT,
        ADD COLUMN first_approved_at TIMESTAMPTZ,
        ADD CONSTRAINT ck_settlement_file_approvers_needed CHECK (approvers_needed IN (1, 2)),
        ADD CONSTRAINT ck_settlement_file_first_approved CHECK (
            num_nonnulls(first_approved_by, first_approved_at) = 0 OR (num_nonnulls(
            first_approved_by, first_approved_at, withdrawal_asked_by) = 3
            AND approvers_needed = 2)),
        ADD CONSTRAINT ck_settlement_file_two_approvers CHECK (
            approvers_needed = 1 OR withdrawn_by IS NULL OR first_approved_by IS NOT NULL),
        ADD CONSTRAINT ck_settlement_file_three_people CHECK (
            person_key(first_approved_by) <> person_key(withdrawal_asked_by)
            AND person_key(first_approved_by) <> person_key(withdrawn_by));
"""


def upgrade() -> None:
    op.execute(_APPROVERS)


def downgrade() -> None:
    op.execute(
        "ALTER TABLE settlement_file DROP COLUMN approvers_needed,"
        " DROP COLUMN first_approved_by, DROP COLUMN first_approved_at"
    )
