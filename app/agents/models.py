"""Tables of agent networks: towns, agencies in them, the people at their tills, their systems."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Time,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.base.database import metadata

# Loaded from towns.csv beside this file; regions are those of regions.csv.
town = Table(
    "town",
    metadata,
    Column("code", Text, primary_key=True),
    Column("region", Text, nullable=False, index=True),
    Column("latin", Text, nullable=False),
    Column("arabic", Text, nullable=False),
    Column("tifinagh", Text, nullable=False),
    CheckConstraint("code ~ '^[a-z][a-z-]{1,31}$'", name="code"),
)

# A network collects the cash. The first migration adds the first one, `flask networks add` others.
agent_network = Table(
    "agent_network",
    metadata,
    Column("code", Text, primary_key=True),
    # The name that people see, in letters of GSM-7.
    Column("shown_name", Text, nullable=False),
    # How its settlement files are written: a name in app/reconciliation/network_file.py.
    Column("file_format", Text, nullable=False),
    # True lets it send more or less than a code's amount: the difference goes to suspense.
    Column("other_amounts", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,15}$'", name="code"),
    CheckConstraint("char_length(shown_name) BETWEEN 1 AND 20", name="shown_name"),
    CheckConstraint("file_format ~ '^[a-z][a-z0-9-]{1,31}$'", name="file_format"),
)

agency = Table(
    "agency",
    metadata,
    Column("code", Text, primary_key=True),
    Column(
        "network",
        ForeignKey("agent_network.code"),
        nullable=False,
        server_default=text("'wafacash'"),
    ),
    Column("name", Text, nullable=False),
    # As it was given; `town_code` is what phones find it by, where the town is one of ours.
    Column("town", Text, nullable=False),
    Column("town_code", ForeignKey("town.code"), index=True),
    Column("address", Text),
    # On clocks in Morocco; none on weekdays is not known, none on Saturday is closed.
    Column("weekday_opens", Time),
    Column("weekday_closes", Time),
    Column("saturday_opens", Time),
    Column("saturday_closes", Time),
    # The cash it may take in a day; none is no limit.
    Column("float_limit_centimes", BigInteger),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    # What a receipt can hold: domain.md section 4 leaves it a few letters.
    CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'", name="code"),
    CheckConstraint("char_length(address) BETWEEN 1 AND 32", name="address"),
    CheckConstraint("(weekday_opens IS NULL) = (weekday_closes IS NULL)", name="weekday_both"),
    CheckConstraint("weekday_opens < weekday_closes", name="weekday_hours"),
    CheckConstraint("(saturday_opens IS NULL) = (saturday_closes IS NULL)", name="saturday_both"),
    CheckConstraint("saturday_opens < saturday_closes", name="saturday_hours"),
    CheckConstraint("float_limit_centimes > 0", name="float_limit"),
)

agent = Table(
    "agent",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("agency_code", ForeignKey("agency.code"), nullable=False, index=True),
    Column("phone", Text),
    Column("pin_hash", Text, nullable=False),
    Column("wrong_pins", SmallInteger, nullable=False, server_default=text("0")),
    Column("locked_until", DateTime(timezone=True)),
    # The most of one code, and of one day; none is no limit.
    Column("code_limit_centimes", BigInteger),
    Column("day_limit_centimes", BigInteger),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("number ~ '^[0-9]{3,12}$'", name="number"),
    CheckConstraint("wrong_pins >= 0", name="wrong_pins"),
    CheckConstraint("code_limit_centimes > 0 AND day_limit_centimes > 0", name="limits"),
    # The phone says who dials: it is one agent's.
    Index("uq_agent_phone", "phone", unique=True, postgresql_where=text("active")),
)

# A network's own system that calls our payments API.
api_client = Table(
    "api_client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("network", ForeignKey("agent_network.code"), nullable=False),
    # SHA-256 of a key of 256 random bits: nothing to guess, nothing to slow down.
    Column("key_digest", LargeBinary, nullable=False),
    # The key before the last rotation, good for a while so that nobody stands still.
    Column("old_key_digest", LargeBinary),
    Column("old_key_until", DateTime(timezone=True)),
    # Counts rotations: the key that signs callbacks is derived with it, and stored nowhere.
    Column("generation", SmallInteger, nullable=False, server_default=text("1")),
    Column("requests_a_minute", Integer, nullable=False, server_default=text("600")),
    Column("day_limit_centimes", BigInteger),
    # Whom it speaks for; none is all agencies of its network.
    Column("agencies", ARRAY(Text)),
    # Where it may call from, as CIDR; none is anywhere.
    Column("addresses", ARRAY(Text)),
    # Answers payments in step, or lets them be polled when the request does not say.
    Column("polling", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    CheckConstraint("id ~ '^[a-z][a-z0-9-]{2,31}$'", name="id"),
    CheckConstraint("octet_length(key_digest) = 32", name="key_digest"),
    CheckConstraint("(old_key_digest IS NULL) = (old_key_until IS NULL)", name="old_key"),
    CheckConstraint("requests_a_minute > 0", name="requests_a_minute"),
    CheckConstraint("day_limit_centimes > 0", name="day_limit"),
)
