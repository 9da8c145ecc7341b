"""Table of requests for help."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    text,
)

from app.assistance.rules import STATES, WAITING
from app.base.database import metadata

_WAITS = "state IN ('" + "', '".join(WAITING) + "')"

help_request = Table(
    "help_request",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("language", Text, nullable=False),
    # None if nobody has identified on the phone: the desk calls the number.
    Column("artisan_id", ForeignKey("artisan.id"), index=True),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("reference ~ '^[1-9][0-9]{6}$'", name="reference"),
    CheckConstraint("kind ~ '^[a-z_]{2,32}$'", name="kind"),
    CheckConstraint("state IN ('" + "', '".join(STATES) + "')", name="state"),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
    CheckConstraint("changed_at >= asked_at", name="changed_at"),
    # The same request twice is one, until it is done.
    Index(
        "uq_help_request_waiting",
        "phone",
        "kind",
        "topic",
        unique=True,
        postgresql_where=text(_WAITS),
    ),
    Index("ix_help_request_phone", "phone", "id"),
    Index("ix_help_request_waiting", "id", postgresql_where=text(_WAITS)),
)
