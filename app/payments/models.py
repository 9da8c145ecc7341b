"""Tables of payment codes, deposits, their allocations and reversals.

The constraints here and the triggers of the migration protect the money: a code is paid once,
an artisan has one live code, a month is paid once, a deposit is allocated and booked whole, and a
reversed one settles nothing. Neither deposits nor audit rows are ever changed or deleted.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Sequence,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.base.database import metadata

CODE_STATES = ("issued", "paid", "expired", "cancelled", "reversed")
CHANNELS = ("page", "phone", "api", "file")

payment_code = Table(
    "payment_code",
    metadata,
    Column("code", Text, primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False, index=True),
    # The phone that asked for the code; it gets the receipt.
    Column("phone", Text),
    Column("state", Text, nullable=False, server_default=text("'issued'")),
    Column("contribution_centimes", BigInteger, nullable=False),
    Column("penalty_centimes", BigInteger, nullable=False),
    Column("fee_centimes", BigInteger, nullable=False),
    Column("total_centimes", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'MAD'")),
    # The first and the last month that the code pays; its lines have each month's amounts.
    Column("first_period", Date, nullable=False),
    Column("last_period", Date, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("code ~ '^[1-9][0-9]{11}$'", name="code"),
    CheckConstraint("state IN ('" + "', '".join(CODE_STATES) + "')", name="state"),
    CheckConstraint("(state = 'issued') = (ended_at IS NULL)", name="ended"),
    CheckConstraint("contribution_centimes > 0", name="contribution"),
    CheckConstraint("penalty_centimes >= 0 AND fee_centimes >= 0", name="penalty_fee"),
    CheckConstraint(
        "total_centimes = contribution_centimes + penalty_centimes + fee_centimes", name="total"
    ),
    CheckConstraint("currency = 'MAD'", name="currency"),
    CheckConstraint("first_period <= last_period", name="periods"),
    CheckConstraint("expires_at > issued_at", name="expires"),
    Index(
        "uq_payment_code_live",
        "artisan_id",
        unique=True,
        postgresql_where=text("state = 'issued'"),
    ),
    # Rows lie in the order of their times: it serves counts of a period, and takes no room.
    Index("ix_payment_code_issued_at", "issued_at", postgresql_using="brin"),
    Index("ix_payment_code_expiring", "expires_at", postgresql_where=text("state = 'issued'")),
)

payment_code_line = Table(
    "payment_code_line",
    metadata,
    # check_added_lines finds it, for all lines of a statement at once.
    Column("code", Text, primary_key=True),
    Column("period", Date, primary_key=True),
    Column("contribution_centimes", BigInteger, nullable=False),
    Column("penalty_centimes", BigInteger, nullable=False),
    CheckConstraint("contribution_centimes > 0 AND penalty_centimes >= 0", name="amounts"),
    CheckConstraint("extract(day FROM period) = 1", name="period"),
)

# Phones that get the receipt beside the one that asked for the code: if a third party pays, the
# payer's and the artisan's.
receipt_recipient = Table(
    "receipt_recipient",
    metadata,
    Column("code", ForeignKey("payment_code.code"), primary_key=True),
    Column("phone", Text, primary_key=True),
    Column("language", Text, nullable=False),
    # Who holds the number at this moment is meant, whoever holds it later.
    Column("added_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
)

receipt_serial = Sequence("receipt_serial", start=1_000_001, metadata=metadata)

deposit = Table(
    "deposit",
    metadata,
    Column("receipt_number", Text, primary_key=True),
    Column("code", ForeignKey("payment_code.code"), nullable=False, unique=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False, index=True),
    # An agent of our table; other agents of the network are known by their number alone.
    Column("agent_id", ForeignKey("agent.id")),
    Column("agency_code", ForeignKey("agency.code")),
    Column("network", ForeignKey("agent_network.code"), nullable=False),
    Column("agent_number", Text),
    Column("terminal", Text),
    Column("channel", Text, nullable=False),
    # For a payment by the API: the client, and the client's own reference.
    Column("client_id", ForeignKey("api_client.id")),
    Column("network_reference", Text),
    # The cash received. It may differ from the code's amount if the network may send other amounts.
    Column("total_centimes", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'MAD'")),
    Column("received_at", DateTime(timezone=True), nullable=False),
    # The day in Morocco, by our own time zones; NULL: from before totals of days were kept.
    Column("received_on", Date),
    CheckConstraint("receipt_number ~ '^[0-9]{8,12}$'", name="receipt_number"),
    CheckConstraint("total_centimes > 0", name="total"),
    CheckConstraint("currency = 'MAD'", name="currency"),
    CheckConstraint("channel IN ('" + "', '".join(CHANNELS) + "')", name="channel"),
    CheckConstraint("agent_id IS NULL OR agency_code IS NOT NULL", name="agency"),
    CheckConstraint("(channel = 'api') = (client_id IS NOT NULL)", name="client"),
    # Morocco's time is that of UTC or an hour ahead.
    CheckConstraint(
        "received_on IN ((received_at AT TIME ZONE 'UTC')::date,"
        " (received_at AT TIME ZONE 'UTC' + interval '1 hour')::date)",
        name="received_on",
    ),
    Index("ix_deposit_received_at", "received_at", postgresql_using="brin"),
    # These serve lists and totals of a day, by network, client, agent and agency.
    Index("ix_deposit_network_received_at", "network", "received_at"),
    Index("ix_deposit_client_id_received_at", "client_id", "received_at"),
    Index("ix_deposit_agent_id_received_at", "agent_id", "received_at"),
    Index("ix_deposit_agency_code_received_at", "agency_code", "received_at"),
)

# The cash of a day in Morocco that an agent, an agency or an API client collected and that stands.
# Each deposit and each reversal changes it by a trigger; it is in parts, so that those who pay at
# once do not wait for each other.
day_total = Table(
    "day_total",
    metadata,
    # agent, agency or client; and which one.
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("part", SmallInteger, primary_key=True),
    # Below zero where more was given back than came in by this part.
    Column("total_centimes", BigInteger, nullable=False),
    # The limit of the day, and the part's share of it: together the shares are never more. NULL:
    # there was no limit.
    Column("limit_centimes", BigInteger),
    Column("share_centimes", BigInteger),
    CheckConstraint("kind IN ('agent', 'agency', 'client')", name="kind"),
    CheckConstraint("(limit_centimes IS NULL) = (share_centimes IS NULL)", name="share"),
    postgresql_with={"fillfactor": 50},
)

contribution_allocation = Table(
    "contribution_allocation",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
    Column("period", Date, primary_key=True),
    Column("receipt_number", ForeignKey("deposit.receipt_number"), nullable=False, index=True),
    Column("contribution_centimes", BigInteger, nullable=False),
    Column("penalty_centimes", BigInteger, nullable=False),
    # The moment it was sent to CNSS, and the day CNSS posted it; until then it is not credited.
    Column("sent_at", DateTime(timezone=True)),
    Column("posted_on", Date),
    CheckConstraint("contribution_centimes > 0 AND penalty_centimes >= 0", name="amounts"),
    CheckConstraint("extract(day FROM period) = 1", name="period"),
    CheckConstraint("posted_on IS NULL OR sent_at IS NOT NULL", name="posted"),
    Index(
        "ix_contribution_allocation_unsent",
        "receipt_number",
        postgresql_where=text("sent_at IS NULL"),
    ),
)

# Reversed deposits, each with what allowed it: the agent alone soon after taking the cash, a second
# agent, the code that the artisan read out, the network by the API, or two people of the office.
reversal = Table(
    "reversal",
    metadata,
    Column("receipt_number", ForeignKey("deposit.receipt_number"), primary_key=True),
    Column("reversed_at", DateTime(timezone=True), nullable=False),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("allowance", Text, nullable=False),
    CheckConstraint("channel IN ('page', 'phone', 'api', 'office')", name="channel"),
    CheckConstraint(
        "allowance = 'network' AND channel = 'api'"
        " OR allowance = 'breaks' AND channel = 'office'"
        " OR allowance IN ('alone', 'second_agent', 'artisan_code')"
        " AND channel IN ('page', 'phone')",
        name="allowance",
    ),
    CheckConstraint(
        "(allowance IN ('second_agent', 'breaks')) = (approved_by IS NOT NULL)", name="approved"
    ),
    CheckConstraint("person_key(approved_by) <> person_key(made_by)", name="two_people"),
    CheckConstraint("char_length(reason) BETWEEN 1 AND 200", name="reason"),
    # It serves the count of an agent's reversals of a day.
    Index("ix_reversal_made_by_reversed_at", "made_by", "reversed_at"),
    # It serves the office's list of some days.
    Index("ix_reversal_reversed_at", "reversed_at"),
)

# The code that an artisan reads out to have a deposit reversed. It replaces an earlier one.
reversal_code = Table(
    "reversal_code",
    metadata,
    Column("receipt_number", ForeignKey("deposit.receipt_number"), primary_key=True),
    # Keyed by the installation's secret: six digits can be found by trying all of them.
    Column("code_digest", LargeBinary, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("tries_left", SmallInteger, nullable=False),
    # How many codes were sent for the deposit, this one included.
    Column("times_sent", SmallInteger, nullable=False),
    Column("used_at", DateTime(timezone=True)),
    CheckConstraint("octet_length(code_digest) IN (32, 36)", name="digest"),
    CheckConstraint("expires_at > sent_at", name="expires"),
    CheckConstraint("tries_left BETWEEN 0 AND 3", name="tries"),
    CheckConstraint("times_sent BETWEEN 1 AND 3", name="times"),
    CheckConstraint("used_at < expires_at", name="used"),
)

# An agent's closes of a day, after counting the cash; the last close of a day counts.
till_close = Table(
    "till_close",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("day", Date, nullable=False),
    Column("deposits", BigInteger, nullable=False),
    Column("total_centimes", BigInteger, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False),
    Index("ix_till_close_agent_id_day", "agent_id", "day"),
)

# Cash that one agent handed to the next at a till, with what was counted and what the books said.
till_hand_over = Table(
    "till_hand_over",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("agency_code", ForeignKey("agency.code"), nullable=False),
    Column("day", Date, nullable=False),
    Column("from_agent_id", ForeignKey("agent.id"), nullable=False),
    Column("to_agent_id", ForeignKey("agent.id"), nullable=False),
    Column("books_centimes", BigInteger, nullable=False),
    Column("counted_centimes", BigInteger, nullable=False),
    Column("handed_over_at", DateTime(timezone=True), nullable=False),
    # Names the page that was sent: the same again is the same hand-over.
    Column("form_key", Text, nullable=False),
    CheckConstraint("from_agent_id <> to_agent_id", name="two_agents"),
    CheckConstraint("counted_centimes >= 0", name="counted"),
    CheckConstraint("char_length(form_key) BETWEEN 16 AND 64", name="form_key"),
    Index("uq_till_hand_over_form", "from_agent_id", "form_key", unique=True),
    Index("ix_till_hand_over_from_agent_id_day", "from_agent_id", "day"),
    Index("ix_till_hand_over_to_agent_id_day", "to_agent_id", "day"),
)

# People whom an agent looked up on a day by a number of theirs, because they had no code.
payer_look_up = Table(
    "payer_look_up",
    metadata,
    Column("agent_id", ForeignKey("agent.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True, index=True),
    Column("agency_code", ForeignKey("agency.code"), nullable=False),
    Column("looked_at", DateTime(timezone=True), nullable=False),
    Index("ix_payer_look_up_agency_code_day", "agency_code", "day"),
)

# The receipt given for an idempotency key: the same request again gets the same receipt.
idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("receipt_number", ForeignKey("deposit.receipt_number"), nullable=False),
    Column("answered_at", DateTime(timezone=True), nullable=False),
)
