"""Tables of the ledger.

Debits are positive, credits negative, in centimes; the database checks that a transaction has two
lines or more and sums to zero, and refuses every change of what was booked.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.base.database import metadata

RECEIVABLE = "agent_network_receivable"
CONTRIBUTIONS = "contributions_payable"
PENALTIES = "penalties_payable"
FEES = "fees_payable"
SUSPENSE = "suspense"
ACCOUNTS = (RECEIVABLE, CONTRIBUTIONS, PENALTIES, FEES, SUSPENSE)

# One word an event: docs/money.md has a row for each.
EVENTS = ("deposit", "reversal", "posting", "posting_refused", "posting_again", "resolution")

ledger_account = Table(
    "ledger_account",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
)

ledger_transaction = Table(
    "ledger_transaction",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event", Text, nullable=False),
    # None where money came that is no deposit of ours.
    Column("receipt_number", ForeignKey("deposit.receipt_number")),
    Column("network", ForeignKey("agent_network.code"), nullable=False),
    Column("agent_number", Text),
    Column("terminal", Text),
    # Who did it, and for what takes two people the second.
    Column("made_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("event IN ('" + "', '".join(EVENTS) + "')", name="event"),
    CheckConstraint(
        "event NOT IN ('resolution', 'posting_again') OR approved_by IS NOT NULL", name="approved"
    ),
    CheckConstraint("lower(approved_by) <> lower(made_by)", name="two_people"),
    # One deposit is booked once, and reversed once.
    Index(
        "uq_ledger_transaction_event",
        "event",
        "receipt_number",
        unique=True,
        postgresql_where=text("event IN ('deposit', 'reversal')"),
    ),
    Index("ix_ledger_transaction_receipt_number", "receipt_number"),
    Index("ix_ledger_transaction_occurred_at", "occurred_at"),
)

ledger_line = Table(
    "ledger_line",
    metadata,
    Column("transaction_id", ForeignKey("ledger_transaction.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("account", ForeignKey("ledger_account.code"), nullable=False),
    Column("amount_centimes", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'MAD'")),
    CheckConstraint("amount_centimes <> 0", name="amount"),
    CheckConstraint("currency = 'MAD'", name="currency"),
    Index("ix_ledger_line_account", "account"),
)
