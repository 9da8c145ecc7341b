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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

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

# A notice that one person wrote and another has not looked at yet; nothing of it is on a phone.
notice_proposal = Table(
    "notice_proposal",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("until", Date, nullable=False),
    # By language: its title and its body.
    Column("texts", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'proposed'")),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("approved_by", Text),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,31}$'", name="name"),
    CheckConstraint("state IN ('proposed', 'published', 'refused')", name="state"),
    CheckConstraint("(state = 'proposed') = (ended_at IS NULL)", name="ended"),
    CheckConstraint("(state = 'published') = (approved_by IS NOT NULL)", name="approved"),
    CheckConstraint("person_key(approved_by) <> person_key(proposed_by)", name="two_people"),
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
