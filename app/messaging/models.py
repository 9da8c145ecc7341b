"""Tables of the outbox: what is to be sent, and how far each message came."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.base.database import metadata

# queued -> sending -> sent; failed ends it. Delivery reports will add delivered.
STATES = ("queued", "sending", "sent", "delivered", "failed")

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # One event writes one message: the key names the event (`receipt:10000017`).
    Column("event_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("encoding", Text, nullable=False),
    Column("segments", SmallInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    # While a worker holds the message; past it another may take it over.
    Column("leased_until", DateTime(timezone=True)),
    Column("provider", Text),
    Column("provider_reference", Text),
    Column("sent_at", DateTime(timezone=True)),
    Column("error", Text),
    CheckConstraint("state IN ('" + "', '".join(STATES) + "')", name="state"),
    CheckConstraint("encoding IN ('GSM-7', 'UCS-2')", name="encoding"),
    CheckConstraint("segments > 0", name="segments"),
    CheckConstraint("(state = 'sending') = (leased_until IS NOT NULL)", name="lease"),
    Index(
        "ix_message_waiting",
        "due_at",
        "id",
        postgresql_where=text("state IN ('queued', 'sending')"),
    ),
    Index("ix_message_phone", "phone", "id"),
)

# What the owner of a phone wants to hear; a phone without a row hears reminders.
phone_preference = Table(
    "phone_preference",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("reminders", Boolean, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

# What is recorded of a yes or a no to promotional messages (law 09-08); rows are never changed,
# the newest of a phone counts.
consent = Table(
    "consent",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("phone", Text, nullable=False),
    # What it is to: news for exporters.
    Column("subject", Text, nullable=False),
    Column("given", Boolean, nullable=False),
    # In which language it was asked, how it was answered, and by which hop: a retry is one answer.
    Column("language", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("answered_by", Text, nullable=False, unique=True),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("subject IN ('export_news')", name="subject"),
    CheckConstraint("channel IN ('ussd', 'sms')", name="channel"),
    Index("ix_consent_phone", "phone", "subject", "id"),
)

# What phones wrote to us. The text itself is not kept: what it was understood as is.
inbound_message = Table(
    "inbound_message",
    metadata,
    Column("provider", Text, primary_key=True),
    # The provider's own id: the same message told again is the same row.
    Column("provider_id", Text, primary_key=True),
    Column("phone", Text, nullable=False),
    Column("keyword", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
    Index("ix_inbound_message_phone", "phone", "received_at"),
)
