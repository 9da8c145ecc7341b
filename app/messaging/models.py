"""Tables of messages: the outbox, delivery reports, opt-outs, consent, and messages received.

`message` has what is under way and what ended lately; what ended before moves to `ended_message`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.base.database import metadata

# Forward only: queued and sending take turns, then sent or unknown, then a final one.
# unknown: the line broke after the request was sent, and a second copy would do harm.
# unreported: no report came in time; cancelled: paid, stopped or too late before it was sent.
ENDED = ("delivered", "failed", "cancelled", "unreported")
OPEN = ("queued", "sending", "sent", "unknown")
STATES = (*OPEN, *ENDED)
# Messages still to be sent, and those that wait for a report: each has an index of its own.
WAITING, UNREPORTED = "state IN ('queued', 'sending')", "state IN ('sent', 'unknown')"
# Answers go first, and may be sent twice if delivery is unknown; messages of campaigns may not.
ANSWER, CAMPAIGN = 0, 1

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # One event writes one message: the key names the event (`receipt:10000017`).
    Column("event_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("language", Text, nullable=False),
    # Emptied once it is older than KEEP_BODIES_DAYS.
    Column("body", Text),
    Column("encoding", Text, nullable=False),
    # Septets or UCS-2 units; 0 where the body was emptied before they were kept.
    Column("units", SmallInteger, nullable=False),
    Column("segments", SmallInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    # ANSWER or CAMPAIGN.
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    # Past it the message is of no use any more; NULL: always of use.
    Column("useful_until", DateTime(timezone=True)),
    # Attempts in all, and at the present provider in a row.
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("attempts_here", SmallInteger, nullable=False, server_default=text("0")),
    # Providers that refused or failed with it: it does not go to them (again).
    Column("refused_by", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # The provider that may have sent it: it is asked before the message is sent again.
    Column("maybe_sent_by", Text),
    # Copies sent although an earlier one may have gone out.
    Column("resent_unknown", SmallInteger, nullable=False, server_default=text("0")),
    # While a worker holds the message; past it another may take it over.
    Column("leased_until", DateTime(timezone=True)),
    Column("provider", Text),
    Column("provider_reference", Text),
    Column("sent_at", DateTime(timezone=True)),
    # When it came to its final state.
    Column("ended_at", DateTime(timezone=True)),
    # When a failed receipt reached the person after all: on a screen, or by another message.
    Column("made_up_at", DateTime(timezone=True)),
    Column("error", Text),
    CheckConstraint("state IN ('" + "', '".join(STATES) + "')", name="state"),
    CheckConstraint("encoding IN ('GSM-7', 'UCS-2')", name="encoding"),
    CheckConstraint("units >= 0 AND segments > 0", name="segments"),
    CheckConstraint("(state = 'sending') = (leased_until IS NOT NULL)", name="lease"),
    CheckConstraint(
        "(state IN ('" + "', '".join(ENDED) + "')) = (ended_at IS NOT NULL)", name="ended"
    ),
    CheckConstraint("priority IN (0, 1)", name="priority"),
    CheckConstraint("body IS NOT NULL OR ended_at IS NOT NULL", name="body"),
    Index(
        "ix_message_waiting",
        "priority",
        "due_at",
        "id",
        postgresql_where=text(WAITING),
    ),
    # Finds the message of a report, and messages that wait for one.
    Index("uq_message_provider_reference", "provider", "provider_reference", unique=True),
    Index(
        "ix_message_unreported",
        "sent_at",
        postgresql_where=text(UNREPORTED),
    ),
    Index("ix_message_phone", "phone", "id"),
    # Failed receipts, which the phone's next dial shows first.
    Index(
        "ix_message_undelivered",
        "phone",
        "id",
        postgresql_where=text("kind = 'receipt' AND state = 'failed' AND made_up_at IS NULL"),
    ),
    Index("ix_message_created_at", "created_at"),
    # Costs of a period.
    Index("ix_message_sent_at", "sent_at"),
    # Messages that ended lately, and those whose body may be emptied.
    Index("ix_message_ended_at", "ended_at", postgresql_where=text("body IS NOT NULL")),
    # Those without it that may move to `ended_message`.
    Index(
        "ix_message_emptied",
        "ended_at",
        postgresql_where=text(
            "body IS NULL AND (kind <> 'receipt' OR state <> 'failed' OR made_up_at IS NOT NULL)"
        ),
    ),
)

# Messages without their text, which move here when it is forgotten: in partitions, one for each
# month (UTC) of their end, that `move_ended_messages` makes and fills.
ended_message = Table(
    "ended_message",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    *(
        Column(c.name, c.type, nullable=c.nullable)
        for c in message.c
        if c.name not in ("id", "body", "leased_until", "ended_at")
    ),
    # In the key, as the key of a table in partitions must have what parts them.
    Column("ended_at", DateTime(timezone=True), primary_key=True),
    CheckConstraint("state IN ('" + "', '".join(ENDED) + "')", name="state"),
    Index("ix_ended_message_phone", "phone", "id"),
    Index("ix_ended_message_provider_reference", "provider_reference"),
    Index("ix_ended_message_created_at", "created_at", postgresql_using="brin"),
    Index("ix_ended_message_sent_at", "sent_at", postgresql_using="brin"),
    postgresql_partition_by="RANGE (ended_at)",
)

# The events of those messages: a trigger skips a message of one of them, as a second one of an
# event. No index of a table in partitions could say so.
ended_event = Table("ended_event", metadata, Column("event_key", Text, primary_key=True))

# A provider that fails rests, each time longer; when the rest is over one message probes it. A
# provider without a row was always well.
provider_health = Table(
    "provider_health",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("rests", SmallInteger, nullable=False),
    Column("resting_until", DateTime(timezone=True)),
    # NULL: unwell, to be probed. A well one that asked to be left alone rests too.
    Column("well_since", DateTime(timezone=True)),
    # A probe that never comes back must not keep the provider resting.
    Column("probing_until", DateTime(timezone=True)),
    Column("reason", Text, nullable=False),
    CheckConstraint("rests >= 0", name="rests"),
    CheckConstraint("resting_until IS NOT NULL OR well_since IS NOT NULL", name="well"),
)

# Delivery reports as they came; one may come before the answer to the request.
delivery_report = Table(
    "delivery_report",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("provider_reference", Text, nullable=False),
    # Our own id of the message, where the provider gives it back.
    Column("message_id", BigInteger),
    Column("status", Text, nullable=False),
    # on_the_way, delivered, failed; NULL: a status word that we do not know.
    Column("outcome", Text),
    Column("reason", Text),
    # Whose phone it was, of a message that the books did not have when the report came; else NULL.
    Column("phone", Text),
    # The person opted out at this provider.
    Column("stopped", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("times", Integer, nullable=False, server_default=text("1")),
    CheckConstraint("outcome IN ('on_the_way', 'delivered', 'failed')", name="outcome"),
    UniqueConstraint("provider", "provider_reference", "status"),
    Index("ix_delivery_report_received_at", "received_at"),
    Index("ix_delivery_report_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
)

# Phones that opted out at a provider, which writes to them no more.
provider_opt_out = Table(
    "provider_opt_out",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("phone", Text, primary_key=True),
    Column("stopped_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
)

# Reminders on or off by phone; a phone without a row gets them.
phone_preference = Table(
    "phone_preference",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("reminders", Boolean, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    # Where the wish was heard: `ussd`, `sms`, or the provider that reported it.
    Column("changed_by", Text, nullable=False, server_default=text("'ussd'")),
)

# Answers to what needs a yes, such as news (law 09-08); rows are never changed, a phone's newest
# counts.
consent = Table(
    "consent",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("phone", Text, nullable=False),
    # News for exporters, or to be called by one's chamber.
    Column("subject", Text, nullable=False),
    Column("given", Boolean, nullable=False),
    # In which language it was asked, how it was answered, and by which hop: a retry is one answer.
    Column("language", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("answered_by", Text, nullable=False, unique=True),
    # The sentence it answers, as it was shown; NULL where it was not kept yet.
    Column("wording", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("subject IN ('export_news', 'calls')", name="subject"),
    CheckConstraint("channel IN ('ussd', 'sms', 'counter')", name="channel"),
    Index("ix_consent_phone", "phone", "subject", "id"),
    Index("ix_consent_calls", "phone", "id", postgresql_where=text("subject = 'calls'")),
)

# Messages from phones, with the keyword they were read as; the text itself is not kept.
inbound_message = Table(
    "inbound_message",
    metadata,
    Column("provider", Text, primary_key=True),
    # The provider's own id: the same message delivered again is the same row.
    Column("provider_id", Text, primary_key=True),
    Column("phone", Text, nullable=False),
    Column("keyword", Text),
    # Machines that answer each other are noticed by it.
    Column("answered", Boolean, nullable=False, server_default=text("false")),
    # It was answered, and the phone was no artisan's.
    Column("from_stranger", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
    Index("ix_inbound_message_phone", "phone", "received_at"),
    Index("ix_inbound_message_received_at", "received_at"),
    Index(
        "ix_inbound_message_strangers",
        "received_at",
        postgresql_where=text("answered AND from_stranger"),
    ),
)
