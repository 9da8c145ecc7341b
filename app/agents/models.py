"""Tables of the agent network: its agencies and the people at their tills."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.base.database import metadata

agency = Table(
    "agency",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("town", Text, nullable=False),
    # What a receipt can hold: domain.md section 4 leaves it a few letters.
    CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'", name="code"),
)

agent = Table(
    "agent",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("agency_code", ForeignKey("agency.code"), nullable=False, index=True),
    Column("phone", Text, index=True),
    Column("pin_hash", Text, nullable=False),
    Column("wrong_pins", SmallInteger, nullable=False, server_default=text("0")),
    Column("locked_until", DateTime(timezone=True)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("number ~ '^[0-9]{3,12}$'", name="number"),
    CheckConstraint("wrong_pins >= 0", name="wrong_pins"),
)
