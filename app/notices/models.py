"""Tables of official notices and their words."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
)

from app.base.database import metadata

notice = Table(
    "notice",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # The ministry's own name of it: publishing it again changes it.
    Column("name", Text, nullable=False, unique=True),
    Column("published_at", DateTime(timezone=True), nullable=False),
    # Its last day.
    Column("until", Date, nullable=False),
    CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,31}$'", name="name"),
    Index("ix_notice_until", "until"),
)

notice_text = Table(
    "notice_text",
    metadata,
    Column("notice_id", ForeignKey("notice.id", ondelete="CASCADE"), primary_key=True),
    Column("language", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    CheckConstraint("language ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?$'", name="language"),
    CheckConstraint("char_length(title) BETWEEN 1 AND 24", name="title"),
    CheckConstraint("char_length(body) BETWEEN 1 AND 122", name="body"),
)
