"""Table of the audit trail; the database refuses to change or delete a row."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("happened_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # The second person, if the action needs two.
    Column("approved_by", Text),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    CheckConstraint("action <> 'resolution' OR approved_by IS NOT NULL", name="approved"),
    CheckConstraint("person_key(approved_by) <> person_key(actor)", name="two_people"),
    Index("ix_audit_event_subject", "subject", "id"),
)
