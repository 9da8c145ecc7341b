"""Tables of the ledger.

Debits are positive, credits negative, in centimes; the database checks that a transaction has two
lines or more and sums to zero, and refuses to change or delete booked rows.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

RECEIVABLE = "agent_network_receivable"
CONTRIBUTIONS = "contributions_payable"
PENALTIES = "penalties_payable"
FEES = "fees_payable"
SUSPENSE = "suspense"
ACCOUNTS = (RECEIVABLE, CONTRIBUTIONS, PENALTIES, FEES, SUSPENSE)

# docs/money.md has a row for each event.
EVENTS = ("deposit", "reversal", "posting", "posting_refused", "posting_again", "resolution")

BREAK_KINDS = (
    "missing_here",
    "missing_there",
    "amount_differs",
    "duplicate",
    "other_agent",
    "reversed_there",
    "reversed_here",
    "other_amount_sent",
    "posting_refused",
    "reversal_asked",
    "not_owed",
    "lost_in_restore",
    "retried_after_restore",
    "told_in_gap",
)

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
    # What it is booked for, such as a receipt's number, and details; triggers check both.
    Column("reference", Text),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # Its maker, and the second person if the event needs two.
    Column("made_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("event IN ('" + "', '".join(EVENTS) + "')", name="event"),
    CheckConstraint(
        "event NOT IN ('resolution', 'posting_again') OR approved_by IS NOT NULL", name="approved"
    ),
    CheckConstraint("person_key(approved_by) <> person_key(made_by)", name="two_people"),
    # A reference has at most one deposit and one reversal.
    Index(
        "uq_ledger_transaction_event",
        "event",
        "reference",
        unique=True,
        postgresql_where=text("event IN ('deposit', 'reversal')"),
    ),
    Index("ix_ledger_transaction_reference", "reference"),
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

# A span of time of which the books may have nothing: they were restored to its begin.
books_gap = Table(
    "books_gap",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("begins_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
    # Of which payment codes are from then on, so that none is one that was told before.
    Column("code_series", SmallInteger, nullable=False, server_default=text("0")),
    CheckConstraint("begins_at < ends_at", name="span"),
    CheckConstraint("code_series BETWEEN 0 AND 6", name="series"),
)

# A difference between two books, until two people resolve it; docs/money.md has each kind.
reconciliation_break = Table(
    "reconciliation_break",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("network", ForeignKey("agent_network.code"), nullable=False),
    Column("receipt_number", ForeignKey("deposit.receipt_number"), index=True),
    Column("code", Text),
    Column("our_centimes", BigInteger),
    Column("their_centimes", BigInteger),
    # The settlement file and the line that opened it; null if something else did.
    Column("file_id", ForeignKey("settlement_file.id")),
    Column("line", BigInteger),
    # The network's reference of the payment that it is about; null if it is about none.
    Column("reference", Text),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("owner", Text),
    Column("method", Text),
    Column("reason", Text),
    Column("proposed_by", Text),
    Column("proposed_at", DateTime(timezone=True)),
    # The first of two approvers, where the amount needs two; `approved_by` is always the last.
    Column("approvers_needed", SmallInteger, nullable=False, server_default=text("1")),
    Column("first_approved_by", Text),
    Column("first_approved_at", DateTime(timezone=True)),
    Column("approved_by", Text),
    Column("ended_at", DateTime(timezone=True)),
    # Its outcome: a transaction, or an audit event if no money moved, which a trigger asks for.
    Column("transaction_id", ForeignKey("ledger_transaction.id"), unique=True),
    Column("audit_event_id", BigInteger, unique=True),
    CheckConstraint("kind IN ('" + "', '".join(BREAK_KINDS) + "')", name="kind"),
    CheckConstraint("state IN ('open', 'proposed', 'resolved', 'closed')", name="state"),
    CheckConstraint("(state IN ('resolved', 'closed')) = (ended_at IS NOT NULL)", name="ended"),
    CheckConstraint(
        "(state = 'resolved') = (approved_by IS NOT NULL"
        " AND num_nonnulls(transaction_id, audit_event_id) = 1)",
        name="resolved",
    ),
    CheckConstraint(
        "state IN ('open', 'closed') OR (proposed_by IS NOT NULL AND method IS NOT NULL"
        " AND reason IS NOT NULL AND proposed_at IS NOT NULL)",
        name="proposed",
    ),
    CheckConstraint("person_key(approved_by) <> person_key(proposed_by)", name="two_people"),
    CheckConstraint("approvers_needed IN (1, 2)", name="approvers_needed"),
    CheckConstraint(
        "(first_approved_by IS NULL) = (first_approved_at IS NULL)", name="first_approved"
    ),
    CheckConstraint(
        "approvers_needed = 1 OR approved_by IS NULL OR first_approved_by IS NOT NULL",
        name="two_approvers",
    ),
    CheckConstraint(
        "person_key(first_approved_by) <> person_key(proposed_by)"
        " AND person_key(first_approved_by) <> person_key(approved_by)",
        name="three_people",
    ),
    Index("ix_reconciliation_break_reference", "network", "reference"),
    Index("ix_reconciliation_break_code", "code"),
    # A payment has one waiting break, and so has a deposit that no file tells.
    Index(
        "uq_reconciliation_break_waiting",
        "network",
        "reference",
        unique=True,
        postgresql_where=text("reference IS NOT NULL AND state IN ('open', 'proposed')"),
    ),
    Index(
        "uq_reconciliation_break_missing_there",
        "receipt_number",
        unique=True,
        postgresql_where=text("kind = 'missing_there' AND state IN ('open', 'proposed')"),
    ),
    Index(
        "ix_reconciliation_break_open", "id", postgresql_where=text("state IN ('open', 'proposed')")
    ),
)
own_amount: ColumnElement[int] = func.coalesce(
    reconciliation_break.c.our_centimes, literal_column("0")
)
# These serve the orders of the office's tables.
for _order, _column in (
    ("kind", reconciliation_break.c.kind),
    ("our_centimes", own_amount),
    ("state", reconciliation_break.c.state),
):
    Index(f"ix_reconciliation_break_{_order}", _column, reconciliation_break.c.id)
