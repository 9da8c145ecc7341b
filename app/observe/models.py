"""The tables of hops, by which dialogues are counted, of a day's counts, and of outages.

No number, no name, nothing typed. Hops are in partitions, one for each day (UTC), that are made
ahead and dropped whole; `hop_rest` has what fits no day.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

hop = Table(
    "hop",
    metadata,
    # A digest of gateway and session, which cannot be read back.
    Column("session", Text, primary_key=True),
    # A digest of phone and day under a key: who has the key and the number finds the day's talks,
    # and nobody sees that two days' talks are one phone's.
    Column("caller", Text),
    # The hop's number in its dialogue; the gateway's notice of a broken line has one too.
    Column("revision", Integer, primary_key=True),
    # dialled, resumed, answered, wrong, more, back, changed; dropped by the gateway's notice.
    Column("how", Text, primary_key=True),
    # In the key, as the key of a table in partitions must have what parts them.
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("language", Text, nullable=False),
    # Digits of menus, and the kind of any other input: `2*<rna_number>`.
    Column("inputs", Text, nullable=False),
    # The screen shown, and True if it waits for an answer.
    Column("screen", Text, nullable=False),
    Column("more", Boolean, nullable=False),
    Index("ix_hop_at", "at"),
    Index("ix_hop_caller", "caller"),
    postgresql_partition_by="RANGE (at)",
)

# The funnel of a day (UTC) that is over, of which the hops are dropped later.
funnel_day = Table(
    "funnel_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("screen", Text, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("entered", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("misunderstood", BigInteger, nullable=False),
    Column("went_back", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    # How many looked so many seconds: `{"3.4": 17}`; from ten seconds on, whole ones.
    Column("looks", JSONB, nullable=False),
    Column("counted_at", DateTime(timezone=True), nullable=False),
)

# Outages of an engine that phones were shown. That of PostgreSQL is written when it is over.
outage = Table(
    "outage",
    metadata,
    Column("engine", Text, primary_key=True),
    Column("began_at", DateTime(timezone=True), primary_key=True),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("engine IN ('postgresql', 'redis')", name="engine"),
    CheckConstraint("ended_at >= began_at", name="ended"),
    Index("uq_outage_open", "engine", unique=True, postgresql_where=text("ended_at IS NULL")),
)
