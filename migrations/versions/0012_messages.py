"""messages: priorities, failover, reports, stops at providers"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
STATES = "'queued', 'sending', 'sent', 'delivered', 'failed'"
ENDED = "'delivered', 'failed', 'cancelled', 'unreported'"


def upgrade() -> None:
    op.drop_index("ix_message_waiting", "message")
    op.drop_constraint(op.f("ck_message_state"), "message")
    op.alter_column("message", "body", nullable=True)
    for column in (
        sa.Column("priority", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("useful_until", MOMENT),
        sa.Column("attempts_here", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column(
            "tried", postgresql.ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'")
        ),
        sa.Column("doubt", sa.Text()),
        sa.Column("resent_unknown", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("ended_at", MOMENT),
    ):
        op.add_column("message", column)
    op.execute("UPDATE message SET ended_at = created_at WHERE state IN ('delivered', 'failed')")
    for name, rule in (
        ("state", f"state IN ('queued', 'sending', 'sent', 'unknown', {ENDED})"),
        ("ended", f"(state IN ({ENDED})) = (ended_at IS NOT NULL)"),
        ("priority", "priority IN (0, 1)"),
        ("body", "body IS NOT NULL OR ended_at IS NOT NULL"),
    ):
        op.create_check_constraint(op.f(f"ck_message_{name}"), "message", rule)
    op.create_index(
        "ix_message_waiting",
        "message",
        ["priority", "due_at", "id"],
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.create_index(
        "uq_message_provider_reference", "message", ["provider", "provider_reference"], unique=True
    )
    op.create_index(
        "ix_message_unreported",
        "message",
        ["sent_at"],
        postgresql_where=sa.text("state IN ('sent', 'unknown')"),
    )
    op.create_index("ix_message_created_at", "message", ["created_at"])
    op.add_column(
        "phone_preference",
        sa.Column("changed_by", sa.Text(), nullable=False, server_default=sa.text("'ussd'")),
    )
    op.add_column(
        "inbound_message",
        sa.Column("answered", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "provider_health",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("rests", sa.SmallInteger(), nullable=False),
        sa.Column("resting_until", MOMENT),
        sa.Column("well_since", MOMENT),
        sa.Column("probing_until", MOMENT),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("rests >= 0", name=op.f("ck_provider_health_rests")),
        sa.CheckConstraint(
            "resting_until IS NOT NULL OR well_since IS NOT NULL",
            name=op.f("ck_provider_health_well"),
        ),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_health")),
    )
    op.create_table(
        "delivery_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.CheckConstraint(
            "outcome IN ('on_the_way', 'delivered', 'failed')",
            name=op.f("ck_delivery_report_outcome"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_report")),
        sa.UniqueConstraint(
            "provider",
            "provider_reference",
            "status",
            name=op.f("uq_delivery_report_provider_provider_reference_status"),
        ),
    )
    op.create_index("ix_delivery_report_received_at", "delivery_report", ["received_at"])
    op.create_table(
        "provider_opt_out",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("stopped_at", MOMENT, nullable=False),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name=op.f("ck_provider_opt_out_phone")),
        sa.PrimaryKeyConstraint("provider", "phone", name=op.f("pk_provider_opt_out")),
    )


def downgrade() -> None:
    for table in ("provider_opt_out", "delivery_report", "provider_health"):
        op.drop_table(table)
    op.drop_column("inbound_message", "answered")
    op.drop_column("phone_preference", "changed_by")
    for index in (
        "ix_message_created_at",
        "ix_message_unreported",
        "uq_message_provider_reference",
        "ix_message_waiting",
    ):
        op.drop_index(index, "message")
    for name in ("body", "priority", "ended", "state"):
        op.drop_constraint(op.f(f"ck_message_{name}"), "message")
    op.execute("UPDATE message SET state = 'failed' WHERE state IN ('cancelled', 'unreported')")
    op.execute("UPDATE message SET state = 'sent' WHERE state = 'unknown'")
    op.execute("UPDATE message SET body = '' WHERE body IS NULL")
    for column in (
        "ended_at",
        "resent_unknown",
        "doubt",
        "tried",
        "attempts_here",
        "useful_until",
        "priority",
    ):
        op.drop_column("message", column)
    op.alter_column("message", "body", nullable=False)
    op.create_check_constraint(op.f("ck_message_state"), "message", f"state IN ({STATES})")
    op.create_index(
        "ix_message_waiting",
        "message",
        ["due_at", "id"],
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
