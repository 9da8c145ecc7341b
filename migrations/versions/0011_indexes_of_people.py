"""Adds the indexes by which a person of an undone import is found unused before the removal."""

from alembic import op

revision = "0011_indexes_of_people"
down_revision = "0010_desk_acts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_help_request_artisan_id ON help_request (artisan_id)")
    op.execute("CREATE INDEX ix_campaign_recipient_artisan_id ON campaign_recipient (artisan_id)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_help_request_artisan_id, ix_campaign_recipient_artisan_id")
