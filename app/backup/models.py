"""Table of rehearsed restores."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

# A restore that was done beside the running service, to know that it can be done.
backup_rehearsal = Table(
    "backup_rehearsal",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("began_at", DateTime(timezone=True), nullable=False),
    # The moment that was asked for, and the base backup that it began with.
    Column("until", DateTime(timezone=True), nullable=False),
    Column("base", Text, nullable=False),
    # What would have been lost, and how long the way back took.
    Column("rpo_seconds", Double, nullable=False),
    Column("rto_seconds", Double, nullable=False),
    # How many rows of each table were not in it, and the rules of the books that did not hold.
    Column("missing", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("broken", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # False if the books did not hold, or something was missing that is older than the loss.
    Column("sound", Boolean, nullable=False),
    CheckConstraint("rpo_seconds >= 0 AND rto_seconds >= 0", name="seconds"),
    Index("ix_backup_rehearsal_began_at", "began_at"),
)
