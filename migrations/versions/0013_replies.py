"""replies: what consent was given to, receipts that did not arrive, stops told by reports"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UNDELIVERED = "kind = 'receipt' AND state = 'failed' AND made_up_at IS NULL"


def upgrade() -> None:
    op.add_column("consent", sa.Column("wording", sa.Text()))
    op.add_column("message", sa.Column("made_up_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_message_undelivered", "message", ["phone", "id"], postgresql_where=sa.text(UNDELIVERED)
    )
    op.add_column(
        "delivery_report",
        sa.Column("stopped", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )


def downgrade() -> None:
    op.drop_column("delivery_report", "stopped")
    op.drop_index("ix_message_undelivered", "message")
    op.drop_column("message", "made_up_at")
    op.drop_column("consent", "wording")
