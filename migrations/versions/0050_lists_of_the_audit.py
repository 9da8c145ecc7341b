"""Lists that a worker writes may be of the audit; what was asked for stands beside them."""

from alembic import op

revision = "0050_lists_of_the_audit"
down_revision = "0049_menu_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE report_request ADD COLUMN asked JSONB NOT NULL DEFAULT '{}'::jsonb,"
        " ADD CONSTRAINT ck_report_request_kind CHECK (kind IN ('figures', 'audit')),"
        " ADD CONSTRAINT ck_report_request_audit CHECK (kind <> 'audit' OR format = 'csv')"
    )


def downgrade() -> None:
    # Older versions have no other kind, and a list lives for a day.
    op.execute("DELETE FROM report_request WHERE kind <> 'figures'")
    op.execute(
        "ALTER TABLE report_request DROP CONSTRAINT ck_report_request_kind,"
        " DROP CONSTRAINT ck_report_request_audit, DROP COLUMN asked"
    )
