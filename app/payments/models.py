"""Tables of money: codes, deposits, what they settled, the ledger, the audit trail.

The rules that protect money stand here and in the triggers of the migration: a code is paid once,
an artisan has one live code, a month is settled once, every ledger transaction sums to zero, and
neither ledger nor audit rows are ever changed or deleted.
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
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

CODE_STATES = ("issued", "paid", "expired", "cancelled")

payment_code = Table(
    "payment_code",
    metadata,
    Column("code", Text, primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False, index=True),
    # The phone that asked for it gets the receipt.
    Column("phone", Text),
    Column("state", Text, nullable=False, server_default=text("'issued'")),
    Column("contribution_centimes", BigInteger, nullable=False),
    Column("penalty_centimes", BigInteger, nullable=False),
    Column("fee_centimes", BigInteger, nullable=False),
    Column("total_centimes", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'MAD'")),
    # The month first and last paid for; the lines say each month's amount.
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
    Index("ix_payment_code_expiring", "expires_at", postgresql_where=text("state = 'issued'")),
)

payment_code_line = Table(
    "payment_code_line",
    metadata,
    Column("code", ForeignKey("payment_code.code"), primary_key=True),
    Column("period", Date, primary_key=True),
    Column("contribution_centimes", BigInteger, nullable=False),
    Column("penalty_centimes", BigInteger, nullable=False),
    CheckConstraint("contribution_centimes > 0 AND penalty_centimes >= 0", name="amounts"),
    CheckConstraint("extract(day FROM period) = 1", name="period"),
)

# Phones that get the receipt beside the one that asked first: who pays for another, and who is
# paid for.
receipt_watcher = Table(
    "receipt_watcher",
    metadata,
    Column("code", ForeignKey("payment_code.code"), primary_key=True),
    Column("phone", Text, primary_key=True),
    Column("language", Text, nullable=False),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
)

receipt_serial = Sequence("receipt_serial", start=1_000_001, metadata=metadata)

deposit = Table(
    "deposit",
    metadata,
    Column("receipt_number", Text, primary_key=True),
    Column("code", ForeignKey("payment_code.code"), nullable=False, unique=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False, index=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("agency_code", ForeignKey("agency.code"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("total_centimes", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'MAD'")),
    Column("received_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("receipt_number ~ '^[0-9]{8,12}$'", name="receipt_number"),
    CheckConstraint("total_centimes > 0", name="total"),
    CheckConstraint("currency = 'MAD'", name="currency"),
    # What an agent, or an agency, took on a day.
    Index("ix_deposit_agent_id_received_at", "agent_id", "received_at"),
    Index("ix_deposit_agency_code_received_at", "agency_code", "received_at"),
)

settled_contribution = Table(
    "settled_contribution",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
    Column("period", Date, primary_key=True),
    Column("receipt_number", ForeignKey("deposit.receipt_number"), nullable=False, index=True),
    Column("contribution_centimes", BigInteger, nullable=False),
    Column("penalty_centimes", BigInteger, nullable=False),
    # Received by the agent is not yet credited by CNSS: the day CNSS posted it.
    Column("posted_on", Date),
    CheckConstraint("contribution_centimes > 0 AND penalty_centimes >= 0", name="amounts"),
    CheckConstraint("extract(day FROM period) = 1", name="period"),
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
    Column("receipt_number", ForeignKey("deposit.receipt_number"), nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    # One deposit is booked once.
    Index("uq_ledger_transaction_event", "event", "receipt_number", unique=True),
)

# Debits are positive, credits negative; a transaction sums to zero.
ledger_line = Table(
    "ledger_line",
    metadata,
    Column("transaction_id", ForeignKey("ledger_transaction.id"), primary_key=True),
    Column("account", ForeignKey("ledger_account.code"), primary_key=True),
    Column("amount_centimes", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default=text("'MAD'")),
    CheckConstraint("amount_centimes <> 0", name="amount"),
    CheckConstraint("currency = 'MAD'", name="currency"),
)

# The answer given under an idempotency key: the same request again gets the same answer.
answered_request = Table(
    "answered_request",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("receipt_number", ForeignKey("deposit.receipt_number"), nullable=False),
    Column("answered_at", DateTime(timezone=True), nullable=False),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("happened_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_audit_event_subject", "subject", "id"),
)
