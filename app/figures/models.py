"""Tables of figures: as the books have them, as they were published, and what waits to be made.

What was published is never changed: triggers of the migration refuse it.
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
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

# A figure as the books have it; it leaves the house only protected. Counts, centimes or days.
figure = Table(
    "figure",
    metadata,
    Column("month", Date, primary_key=True),
    Column("cut", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("measure", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    CheckConstraint("extract(day FROM month) = 1", name="month"),
    CheckConstraint("value >= 0", name="value"),
)

# The months whose figures were made, and the day of the register that they tell of.
figure_month = Table(
    "figure_month",
    metadata,
    Column("month", Date, primary_key=True),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("register_on", Date, nullable=False),
    CheckConstraint("extract(day FROM month) = 1", name="month"),
)

# Talks by the day and the language they began in: the hops themselves are forgotten sooner.
talk_day = Table(
    "talk_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("dialled", Integer, nullable=False),
    Column("saw_dues", Integer, nullable=False),
    Column("saw_code", Integer, nullable=False),
    CheckConstraint("saw_code >= 0 AND saw_dues >= saw_code AND dialled >= saw_dues", name="steps"),
)

published_month = Table(
    "published_month",
    metadata,
    Column("month", Date, primary_key=True),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("published_by", Text, nullable=False),
    CheckConstraint("extract(day FROM month) = 1", name="month"),
)

# A cell of a published month; its value is NULL where it is hidden.
published_figure = Table(
    "published_figure",
    metadata,
    Column("month", ForeignKey("published_month.month"), primary_key=True),
    Column("cut", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("measure", Text, primary_key=True),
    Column("value", Numeric),
    Index("ix_published_figure_key", "cut", "key"),
)

# A picture that was asked for, by the digest of its name, language and figures: drawn, failed, or
# waiting.
picture = Table(
    "picture",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("specification", Text, nullable=False),
    Column("svg", Text),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("drawn_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
    CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest"),
    CheckConstraint("(svg IS NULL) = (drawn_at IS NULL)", name="drawn"),
    CheckConstraint("failed_at IS NULL OR svg IS NULL", name="failed"),
)

REPORT_STATES = ("waiting", "ready", "failed")
# A list too long for a page: the worker writes it, who asked for it fetches it within a day.
report_request = Table(
    "report_request",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("asked_by", ForeignKey("office_user.name"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("format", Text, nullable=False),
    # What was asked of the audit.
    Column("asked", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # The role's part as it was when asked: what the asker may see is decided then.
    Column("region", Text),
    Column("network", Text),
    Column("state", Text, nullable=False),
    Column("content", LargeBinary),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("made_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('" + "', '".join(REPORT_STATES) + "')", name="state"),
    CheckConstraint("kind IN ('figures', 'audit')", name="kind"),
    CheckConstraint("kind <> 'audit' OR format = 'csv'", name="audit"),
    CheckConstraint("format IN ('csv', 'xlsx')", name="format"),
    CheckConstraint("(state = 'waiting') = (made_at IS NULL)", name="made"),
    CheckConstraint("(state = 'ready') = (content IS NOT NULL)", name="ready"),
    Index("ix_report_request_asked_by", "asked_by", "id"),
)
