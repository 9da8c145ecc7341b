"""Tables of campaigns, their recipients, and the cost of a day.

The database itself refuses what must never be: one reminder twice for an artisan, month and step;
a budget passed; an official notice that one person alone sends to many.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

CAMPAIGN_STATES = ("proposed", "running", "paused", "cancelled", "ended")
RECIPIENT_STATES = ("waiting", "queued", "held_out", "cancelled", "too_late")
# Reasons for which a recipient was cancelled.
REASONS = ("paid", "stopped", "not_due", "campaign_cancelled")

# A campaign: one step of one month's reminders, or one sending of a notice.
campaign = Table(
    "campaign",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # `reminder:2026-11:week`, `notice:amnistie-2026:1`.
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    # Nothing is sent before `due_at`, nor after `useful_until`.
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("useful_until", DateTime(timezone=True), nullable=False),
    # Of a reminder: the step, its month, the last day to pay that it names.
    Column("step", Text),
    Column("month", Date),
    Column("deadline", Date),
    # It is pointless once this month is paid here, or if CNSS gives rights from this day on.
    Column("pays", Date),
    Column("covered_from", Date),
    # Of a notice: its name, the words approved by language, and the artisans it is for.
    Column("notice", Text),
    Column("texts", JSONB),
    Column("region", Text),
    Column("trade", Text),
    # Dirhams, at the dearest provider's price; NULL: no limit.
    Column("budget", Numeric(12, 4)),
    Column("spent", Numeric(12, 4), nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("proposed_by", Text),
    Column("approved_by", Text),
    CheckConstraint("kind IN ('reminder', 'notice')", name="kind"),
    CheckConstraint("state IN ('" + "', '".join(CAMPAIGN_STATES) + "')", name="state"),
    CheckConstraint("step IN ('week', 'due', 'rights')", name="step"),
    CheckConstraint(
        "kind <> 'reminder' OR num_nonnulls(step, month, deadline, pays, covered_from) = 5",
        name="reminder",
    ),
    CheckConstraint(
        "kind <> 'notice' OR num_nonnulls(notice, texts, proposed_by) = 3", name="notice"
    ),
    CheckConstraint("spent >= 0 AND spent <= budget AND budget <> 'NaN'", name="budget"),
    CheckConstraint("person_key(approved_by) <> person_key(proposed_by)", name="two_people"),
    CheckConstraint(
        "kind <> 'notice' OR state IN ('proposed', 'cancelled') OR approved_by IS NOT NULL",
        name="approved",
    ),
    Index("ix_campaign_at_work", "useful_until", postgresql_where=text("state = 'running'")),
)

# Its primary key is the claim: one reminder for an artisan, month and step.
campaign_recipient = Table(
    "campaign_recipient",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True, index=True),
    Column("phone", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("region", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    # The message queued, and its cost in the budgets (dirhams).
    Column("message_id", BigInteger),
    Column("cost", Numeric(12, 4)),
    Column("decided_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('" + "', '".join(RECIPIENT_STATES) + "')", name="state"),
    CheckConstraint("reason IN ('" + "', '".join(REASONS) + "')", name="reason"),
    CheckConstraint("(state = 'cancelled') = (reason IS NOT NULL)", name="cancelled"),
    CheckConstraint("state <> 'queued' OR message_id IS NOT NULL", name="queued"),
    CheckConstraint("(message_id IS NULL) = (cost IS NULL)", name="cost"),
    CheckConstraint("state <> 'waiting' OR decided_at IS NULL", name="decided"),
    # Waiting recipients, in the order in which they are written to.
    Index(
        "ix_campaign_recipient_waiting",
        "campaign_id",
        "artisan_id",
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "uq_campaign_recipient_message",
        "message_id",
        unique=True,
        postgresql_where=text("message_id IS NOT NULL"),
    ),
)

# The budget and cost of campaigns by day in Morocco; answers and receipts count nothing.
spending_day = Table(
    "spending_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("budget", Numeric(12, 4)),
    Column("spent", Numeric(12, 4), nullable=False, server_default=text("0")),
    # When one more message would have passed the budget; NULL again once it is raised.
    Column("reached_at", DateTime(timezone=True)),
    CheckConstraint("spent >= 0 AND spent <= budget AND budget <> 'NaN'", name="budget"),
)
