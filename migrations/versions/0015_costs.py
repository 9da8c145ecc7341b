"""messages: their units, what a period cost, what may be forgotten"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What counts two: an escape and a letter in GSM-7, a surrogate pair in UCS-2.
COUNTED = r"""
UPDATE message SET units = CASE
    WHEN body IS NULL THEN 0
    WHEN encoding = 'GSM-7'
        THEN char_length(body) + char_length(regexp_replace(body, '[^][{}~|€^\\\f]', '', 'g'))
    ELSE char_length(body) + char_length(regexp_replace(body, '[\u0001-\uffff]', '', 'g'))
END
"""


def upgrade() -> None:
    op.add_column("message", sa.Column("units", sa.SmallInteger()))
    op.execute(COUNTED)
    op.alter_column("message", "units", nullable=False)
    op.drop_constraint(op.f("ck_message_segments"), "message")
    op.create_check_constraint(
        op.f("ck_message_segments"), "message", "units >= 0 AND segments > 0"
    )
    op.create_index("ix_message_sent_at", "message", ["sent_at"])
    op.create_index(
        "ix_message_ended_at",
        "message",
        ["ended_at"],
        postgresql_where=sa.text("body IS NOT NULL"),
    )
    op.create_index("ix_inbound_message_received_at", "inbound_message", ["received_at"])


def downgrade() -> None:
    op.drop_index("ix_inbound_message_received_at", "inbound_message")
    op.drop_index("ix_message_ended_at", "message")
    op.drop_index("ix_message_sent_at", "message")
    op.drop_constraint(op.f("ck_message_segments"), "message")
    op.create_check_constraint(op.f("ck_message_segments"), "message", "segments > 0")
    op.drop_column("message", "units")
