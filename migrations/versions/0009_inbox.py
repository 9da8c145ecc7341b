"""messages from phones"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbound_message",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name=op.f("ck_inbound_message_phone")),
        sa.PrimaryKeyConstraint("provider", "provider_id", name=op.f("pk_inbound_message")),
    )
    op.create_index("ix_inbound_message_phone", "inbound_message", ["phone", "received_at"])


def downgrade() -> None:
    op.drop_table("inbound_message")
