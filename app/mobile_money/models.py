"""Tables of requests, with the answers given, and of the bills that look-ups made."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

api_request = Table(
    "api_request",
    metadata,
    Column("client_id", ForeignKey("api_client.id"), primary_key=True),
    # The caller's X-CorrelationID; ours where it sent none.
    Column("correlation_id", Uuid(as_uuid=False), primary_key=True),
    Column("server_id", Uuid(as_uuid=False), nullable=False, unique=True),
    # Of path and body: the same id with another content is refused.
    Column("request_digest", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("method", Text, nullable=False),
    Column("callback_url", Text),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("status", SmallInteger),
    Column("answer", JSONB(none_as_null=True)),
    Column("reference", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("completed_at", DateTime(timezone=True)),
    # The callback: when it is tried next, and how often it was.
    Column("callback_due_at", DateTime(timezone=True)),
    Column("callback_attempts", SmallInteger, nullable=False, server_default=text("0")),
    CheckConstraint("kind IN ('payment', 'reversal')", name="kind"),
    CheckConstraint("method IN ('step', 'callback', 'polling')", name="method"),
    CheckConstraint("state IN ('pending', 'completed', 'failed')", name="state"),
    CheckConstraint("(state = 'pending') = (answer IS NULL)", name="answered"),
    CheckConstraint("(answer IS NULL) = (status IS NULL)", name="status"),
    CheckConstraint("(method = 'callback') = (callback_url IS NOT NULL)", name="callback_url"),
    Index("ix_api_request_pending", "created_at", postgresql_where=text("state = 'pending'")),
    Index(
        "ix_api_request_calling",
        "callback_due_at",
        postgresql_where=text("callback_due_at IS NOT NULL"),
    ),
)

# Payment codes that no phone asked for: a client looked an artisan up who had none.
api_bill = Table(
    "api_bill",
    metadata,
    Column("code", ForeignKey("payment_code.code"), primary_key=True),
    Column("client_id", ForeignKey("api_client.id"), nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    # Set when its client's bills are counted after it was paid: paid ones leave the index.
    Column("was_paid", Boolean, nullable=False, server_default=text("false")),
    Index("ix_api_bill_unpaid", "client_id", "made_at", postgresql_where=text("NOT was_paid")),
)

# A client's look-ups of a day in Morocco. Its row is locked by whoever makes one more bill.
api_bill_day = Table(
    "api_bill_day",
    metadata,
    Column("client_id", ForeignKey("api_client.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    # Bills made and not paid, as last counted; since then some may have been paid.
    Column("unpaid_bills", Integer, nullable=False, server_default=text("0")),
    Column("unknown_look_ups", Integer, nullable=False, server_default=text("0")),
    Column("half_used_at", DateTime(timezone=True)),
    CheckConstraint("unpaid_bills >= 0 AND unknown_look_ups >= 0", name="counts"),
    Index("ix_api_bill_day_day", "day"),
)
