"""reminders: campaigns, their recipients, and what a day may cost"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
DIRHAMS = sa.Numeric(12, 4)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("useful_until", MOMENT, nullable=False),
        sa.Column("step", sa.Text()),
        sa.Column("month", sa.Date()),
        sa.Column("deadline", sa.Date()),
        sa.Column("pays", sa.Date()),
        sa.Column("covered_from", sa.Date()),
        sa.Column("notice", sa.Text()),
        sa.Column("texts", postgresql.JSONB()),
        sa.Column("region", sa.Text()),
        sa.Column("trade", sa.Text()),
        sa.Column("budget", DIRHAMS),
        sa.Column("spent", DIRHAMS, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("proposed_by", sa.Text()),
        sa.Column("approved_by", sa.Text()),
        _check("campaign", "kind", "kind IN ('reminder', 'notice')"),
        _check(
            "campaign", "state", "state IN ('proposed', 'running', 'paused', 'cancelled', 'ended')"
        ),
        _check("campaign", "step", "step IN ('week', 'due', 'rights')"),
        _check(
            "campaign",
            "reminder",
            "kind <> 'reminder' OR num_nonnulls(step, month, deadline, pays, covered_from) = 5",
        ),
        _check(
            "campaign",
            "notice",
            "kind <> 'notice' OR num_nonnulls(notice, texts, proposed_by) = 3",
        ),
        _check("campaign", "budget", "spent >= 0 AND spent <= budget"),
        _check("campaign", "two_people", "approved_by <> proposed_by"),
        _check(
            "campaign",
            "approved",
            "kind <> 'notice' OR state IN ('proposed', 'cancelled') OR approved_by IS NOT NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )
    op.create_index(
        "ix_campaign_at_work",
        "campaign",
        ["useful_until"],
        postgresql_where=sa.text("state = 'running'"),
    )
    _create_recipients()
    op.create_table(
        "spending_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("budget", DIRHAMS),
        sa.Column("spent", DIRHAMS, nullable=False, server_default=sa.text("0")),
        sa.Column("reached_at", MOMENT),
        _check("spending_day", "budget", "spent >= 0 AND spent <= budget"),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_spending_day")),
    )


def _create_recipients() -> None:
    table = "campaign_recipient"
    op.create_table(
        table,
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("region", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("cost", DIRHAMS),
        sa.Column("decided_at", MOMENT),
        _check(
            table, "state", "state IN ('waiting', 'queued', 'held_out', 'cancelled', 'too_late')"
        ),
        _check(table, "reason", "reason IN ('paid', 'stopped', 'not_due', 'campaign_cancelled')"),
        _check(table, "cancelled", "(state = 'cancelled') = (reason IS NOT NULL)"),
        _check(table, "queued", "state <> 'queued' OR message_id IS NOT NULL"),
        _check(table, "cost", "(message_id IS NULL) = (cost IS NULL)"),
        _check(table, "decided", "state <> 'waiting' OR decided_at IS NULL"),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_recipient_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_campaign_recipient_artisan_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "artisan_id", name=op.f("pk_campaign_recipient")),
    )
    op.create_index(
        "ix_campaign_recipient_waiting",
        table,
        ["campaign_id", "artisan_id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_campaign_recipient_message",
        table,
        ["message_id"],
        unique=True,
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )


def downgrade() -> None:
    for table in ("spending_day", "campaign_recipient", "campaign"):
        op.drop_table(table)
