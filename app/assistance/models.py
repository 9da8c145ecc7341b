"""Table of requests for help."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    func,
    literal_column,
    text,
)

from app.assistance.rules import DESKS, OUTCOMES, STATES, WAITING
from app.base.database import metadata

_WAITS = "state IN ('" + "', '".join(WAITING) + "')"

help_request = Table(
    "help_request",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("topic", Text, nullable=False),
    # None if it was asked at a counter for somebody without a phone.
    Column("phone", Text),
    Column("language", Text, nullable=False),
    # None if nobody has identified on the phone: the desk calls the number.
    Column("artisan_id", ForeignKey("artisan.id"), index=True),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    # Who of the office took it; the desk it was handed to, NULL is its kind's own.
    Column("owner", Text),
    Column("desk", Text),
    Column("called_at", DateTime(timezone=True)),
    # How it ended; NULL where nobody said.
    Column("outcome", Text),
    CheckConstraint("reference ~ '^[1-9][0-9]{6}$'", name="reference"),
    CheckConstraint("kind ~ '^[a-z_]{2,32}$'", name="kind"),
    CheckConstraint("state IN ('" + "', '".join(STATES) + "')", name="state"),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
    CheckConstraint("changed_at >= asked_at", name="changed_at"),
    # Of nobody once the person is forgotten.
    CheckConstraint(
        "phone IS NOT NULL OR artisan_id IS NOT NULL OR state IN ('done', 'cancelled')", name="who"
    ),
    CheckConstraint("desk IN ('" + "', '".join(DESKS) + "')", name="desk"),
    CheckConstraint("outcome IN ('" + "', '".join(OUTCOMES) + "')", name="outcome"),
    # The same request twice is one, until it is done.
    Index(
        "uq_help_request_waiting",
        "phone",
        "kind",
        "topic",
        unique=True,
        postgresql_where=text(_WAITS),
    ),
    Index(
        "uq_help_request_waiting_without_phone",
        "artisan_id",
        "kind",
        "topic",
        unique=True,
        postgresql_where=text(f"phone IS NULL AND {_WAITS}"),
    ),
    Index("ix_help_request_phone", "phone", "id"),
    Index("ix_help_request_waiting", "id", postgresql_where=text(_WAITS)),
    Index("ix_help_request_owner", "owner", "id", postgresql_where=text(_WAITS)),
)
# The desk that answers a request, and the queue of each.
own_desk: ColumnElement[str] = func.coalesce(help_request.c.desk, help_request.c.kind)
own_owner: ColumnElement[str] = func.coalesce(help_request.c.owner, text("''"))
is_waiting = help_request.c.state.in_([literal_column(f"'{state}'") for state in WAITING])
# These serve the orders of the queue, and its filters.
for _order, _column in (
    ("asked_at", help_request.c.asked_at),
    ("desk", own_desk),
    ("language", help_request.c.language),
    ("owner", own_owner),
):
    Index(
        f"ix_help_request_waiting_{_order}",
        _column,
        help_request.c.id,
        postgresql_where=text(_WAITS),
    )
Index(
    "ix_help_request_queue",
    own_desk,
    help_request.c.language,
    help_request.c.id,
    postgresql_where=text(_WAITS),
)
