"""Tables of agent networks: towns, agencies in them, the people at their tills, their systems."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
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

# Loaded from towns.csv beside this file; its regions are in app/text/regions.csv.
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
    # How its settlement files are written: a name in app/reconciliation/network_formats.py.
    Column("file_format", Text, nullable=False),
    # True lets it send more or less than a code's amount: the difference goes to suspense.
    Column("other_amounts", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,15}$'", name="code"),
    CheckConstraint("char_length(shown_name) BETWEEN 1 AND 20", name="shown_name"),
    CheckConstraint("file_format ~ '^[a-z][a-z0-9-]{1,31}$'", name="file_format"),
)

PAUSES = {
    f"{days}_pause": f"({days}_pause_begins IS NULL) = ({days}_pause_ends IS NULL) AND"
    f" ({days}_pause_begins IS NULL OR ({days}_opens < {days}_pause_begins"
    f" AND {days}_pause_begins < {days}_pause_ends AND {days}_pause_ends < {days}_closes))"
    for days in ("weekday", "saturday")
}
agency = Table(
    "agency",
    metadata,
    Column("code", Text, primary_key=True),
    Column("network", ForeignKey("agent_network.code"), nullable=False),
    Column("name", Text, nullable=False),
    # As it was given. Phones find the agency by `town_code`, NULL where towns.csv lacks the town.
    Column("town", Text, nullable=False),
    Column("town_code", ForeignKey("town.code"), index=True),
    Column("address", Text),
    # On clocks in Morocco. NULL on weekdays: not known; on Saturday: closed.
    Column("weekday_opens", Time),
    Column("weekday_closes", Time),
    Column("saturday_opens", Time),
    Column("saturday_closes", Time),
    # Closed in between; NULL: open all the time.
    Column("weekday_pause_begins", Time),
    Column("weekday_pause_ends", Time),
    Column("saturday_pause_begins", Time),
    Column("saturday_pause_ends", Time),
    # The most cash of a day; NULL: no limit.
    Column("float_limit_centimes", BigInteger),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    # A receipt has room for a few letters (docs/rules.md, Networks).
    CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'", name="code"),
    CheckConstraint("char_length(address) BETWEEN 1 AND 32", name="address"),
    CheckConstraint("(weekday_opens IS NULL) = (weekday_closes IS NULL)", name="weekday_both"),
    CheckConstraint("weekday_opens < weekday_closes", name="weekday_hours"),
    CheckConstraint("(saturday_opens IS NULL) = (saturday_closes IS NULL)", name="saturday_both"),
    CheckConstraint("saturday_opens < saturday_closes", name="saturday_hours"),
    *(CheckConstraint(rule, name=name) for name, rule in PAUSES.items()),
    CheckConstraint("float_limit_centimes > 0", name="float_limit"),
)

agent = Table(
    "agent",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("agency_code", ForeignKey("agency.code"), nullable=False, index=True),
    Column("phone", Text),
    # A keyed hash behind the id of its key (app/agents/pins.py).
    Column("pin_hash", Text, nullable=False),
    # The end of a one-time PIN, with which the agent chooses another; NULL: the agent's own.
    Column("pin_expires_at", DateTime(timezone=True)),
    # Counts what ends all that the agent had begun: a new PIN, a dismissal, a closed agency.
    Column("generation", Integer, nullable=False, server_default=text("1")),
    # The most of one code, and of one day; NULL: no limit.
    Column("code_limit_centimes", BigInteger),
    Column("day_limit_centimes", BigInteger),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    # Look-ups of the day that found no code.
    Column("unknown_codes_on", Date),
    Column("unknown_codes", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("number ~ '^[0-9]{3,12}$'", name="number"),
    CheckConstraint("code_limit_centimes > 0 AND day_limit_centimes > 0", name="limits"),
    # The name by which the books have an agent.
    Index("ix_agent_actor", text("('agent:' || number)")),
    # A phone belongs to one agent: the number says who dials.
    Index("uq_agent_phone", "phone", unique=True, postgresql_where=text("active")),
)

# Wrong PINs for a number, known or not, at one door: the phone, a known device, all other devices.
agent_lock = Table(
    "agent_lock",
    metadata,
    Column("number", Text, primary_key=True),
    Column("door", Text, primary_key=True),
    Column("wrong_pins", SmallInteger, nullable=False, server_default=text("0")),
    # Locks in a row, without a right PIN between them: each is longer than the one before.
    Column("locks", SmallInteger, nullable=False, server_default=text("0")),
    Column("locked_until", DateTime(timezone=True)),
    Column("tried_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("char_length(number) BETWEEN 1 AND 12", name="number"),
    CheckConstraint("door ~ '^(phone|unknown|device:[0-9a-f]{32})$'", name="door"),
    CheckConstraint("wrong_pins >= 0 AND locks >= 0", name="counts"),
    Index("ix_agent_lock_tried_at", "tried_at"),
)

# A sign-in at the till. It ends by sign-out, with its day, or with all of the agent's sessions.
agent_session = Table(
    "agent_session",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # SHA-256 of the 256 random bits in the cookie: a stolen table opens nothing.
    Column("token_digest", LargeBinary, nullable=False, unique=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    # True after idle minutes: the PIN is asked before money moves.
    Column("pin_due", Boolean, nullable=False, server_default=text("false")),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    CheckConstraint("octet_length(token_digest) = 32", name="token_digest"),
    CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    CheckConstraint(
        "ended_by IN ('sign_out', 'new_pin', 'dismissal', 'agency_closed', 'office', 'changed')",
        name="ended_by",
    ),
    Index("ix_agent_session_agent_id", "agent_id", postgresql_where=text("ended_at IS NULL")),
    Index("ix_agent_session_began_at", "began_at"),
)

# A network's system that calls the payments API.
api_client = Table(
    "api_client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("network", ForeignKey("agent_network.code"), nullable=False),
    # SHA-256 of a key of 256 random bits, which cannot be guessed.
    Column("key_digest", LargeBinary, nullable=False),
    # The key before the last rotation: good until then, so that the system can change over.
    Column("old_key_digest", LargeBinary),
    Column("old_key_until", DateTime(timezone=True)),
    # Keys that sign our callbacks, sealed (app/base/keys.py): today's, and the one of before, which
    # signs as long as the key of before is good. NULL: derived, of before they were stored.
    Column("signing_key", Text),
    Column("old_signing_key", Text),
    # Counts rotations.
    Column("generation", SmallInteger, nullable=False, server_default=text("1")),
    Column("requests_a_minute", Integer, nullable=False, server_default=text("600")),
    Column("day_limit_centimes", BigInteger),
    # The most bills of a day that its look-ups make and that were not paid.
    Column("bills_a_day", Integer, nullable=False, server_default=text("2000")),
    # The agencies it speaks for; NULL: all of its network.
    Column("agencies", ARRAY(Text)),
    # The addresses it may call from, as CIDR; NULL: any.
    Column("addresses", ARRAY(Text)),
    # The hosts at which it may be called back; in production no others.
    Column("callback_hosts", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # True if its payments are polled where a request does not ask for more.
    Column("polling", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    CheckConstraint("id ~ '^[a-z][a-z0-9-]{2,31}$'", name="id"),
    CheckConstraint("octet_length(key_digest) = 32", name="key_digest"),
    CheckConstraint("(old_key_digest IS NULL) = (old_key_until IS NULL)", name="old_key"),
    CheckConstraint("requests_a_minute > 0", name="requests_a_minute"),
    CheckConstraint("bills_a_day >= 0", name="bills_a_day"),
    CheckConstraint("day_limit_centimes > 0", name="day_limit"),
)
