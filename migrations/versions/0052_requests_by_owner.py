"""An officer's own requests are read by an index."""

from alembic import op

revision = "0052_requests_by_owner"
down_revision = "0051_series_of_codes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_help_request_owner ON help_request (owner, id)"
        " WHERE state IN ('open', 'taken')"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_help_request_owner")
