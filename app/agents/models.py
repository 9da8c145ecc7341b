"""Tables of the agent network: towns, its agencies in them, and the people at their tills."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    Time,
    text,
)

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

agency = Table(
    "agency",
    metadata,
    Column("code", Text, primary_key=True),
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
