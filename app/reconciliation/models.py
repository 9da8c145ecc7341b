"""Tables of files: agent networks' settlement files, batches sent to CNSS, and CNSS's answers."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

settlement_file = Table(
    "settlement_file",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("network", ForeignKey("agent_network.code"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, index=True),
    # The days in Morocco that it settles; a cumulative file settles several.
    Column("first_day", Date, nullable=False),
    Column("day", Date, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("report", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("matched_at", DateTime(timezone=True), nullable=False),
    # One person asks to withdraw it, a second person agrees; of much money a third one before.
    Column("withdrawal_asked_by", Text),
    Column("withdrawal_reason", Text),
    Column("withdrawal_asked_at", DateTime(timezone=True)),
    Column("approvers_needed", SmallInteger, nullable=False, server_default=text("1")),
    Column("first_approved_by", Text),
    Column("first_approved_at", DateTime(timezone=True)),
    Column("withdrawn_by", Text),
    Column("withdrawn_at", DateTime(timezone=True)),
    CheckConstraint("lines > 0", name="lines"),
    CheckConstraint("first_day <= day", name="days"),
    CheckConstraint(
        "num_nonnulls(withdrawal_asked_by, withdrawal_reason, withdrawal_asked_at) IN (0, 3)",
        name="asked",
    ),
    CheckConstraint(
        "num_nonnulls(withdrawn_by, withdrawn_at) = 0 OR (num_nonnulls(withdrawn_by, withdrawn_at,"
        " withdrawal_asked_by) = 3"
        " AND person_key(withdrawn_by) <> person_key(withdrawal_asked_by))",
        name="two_people",
    ),
    CheckConstraint("approvers_needed IN (1, 2)", name="approvers_needed"),
    CheckConstraint(
        "num_nonnulls(first_approved_by, first_approved_at) = 0 OR (num_nonnulls("
        "first_approved_by, first_approved_at, withdrawal_asked_by) = 3 AND approvers_needed = 2)",
        name="first_approved",
    ),
    CheckConstraint(
        "approvers_needed = 1 OR withdrawn_by IS NULL OR first_approved_by IS NOT NULL",
        name="two_approvers",
    ),
    CheckConstraint(
        "person_key(first_approved_by) <> person_key(withdrawal_asked_by)"
        " AND person_key(first_approved_by) <> person_key(withdrawn_by)",
        name="three_people",
    ),
    Index("ix_settlement_file_day", "network", "day"),
)

settlement_line = Table(
    "settlement_line",
    metadata,
    Column("file_id", ForeignKey("settlement_file.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("amount_centimes", BigInteger, nullable=False),
    Column("paid_at", DateTime(timezone=True), nullable=False),
    Column("agent_number", Text),
    Column("terminal", Text),
    Column("status", Text, nullable=False),
    CheckConstraint("status IN ('paid', 'reversed')", name="status"),
    CheckConstraint("amount_centimes > 0", name="amount"),
    Index("ix_settlement_line_reference", "reference"),
)

# A payment as its network tells it by now, known by its reference: the last line told of it in a
# file that stands. `withdrawn` is told by no file that stands. All that was ever told of it is in
# settlement_line.
network_payment = Table(
    "network_payment",
    metadata,
    # Its file names the network; another key here would look it up for every line.
    Column("network", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("amount_centimes", BigInteger, nullable=False),
    Column("paid_at", DateTime(timezone=True), nullable=False),
    Column("agent_number", Text),
    Column("terminal", Text),
    Column("status", Text, nullable=False),
    Column("first_file_id", BigInteger, nullable=False),
    Column("first_line", Integer, nullable=False),
    Column("file_id", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    # The break about its present difference from our books; null if they agree.
    Column("break_id", ForeignKey("reconciliation_break.id")),
    CheckConstraint("status IN ('paid', 'reversed', 'withdrawn')", name="status"),
    CheckConstraint("amount_centimes > 0", name="amount"),
    CheckConstraint(
        "char_length(reference) BETWEEN 1 AND 128 AND reference = btrim(reference)",
        name="reference",
    ),
    ForeignKeyConstraint(
        ["file_id", "line"],
        ["settlement_line.file_id", "settlement_line.line"],
        name="fk_network_payment_line",
    ),
    Index("ix_network_payment_code", "network", "code"),
    # It serves a network's days in sum.
    Index("ix_network_payment_paid_at", "network", "paid_at"),
    Index("ix_network_payment_file_id", "file_id"),
    Index(
        "uq_network_payment_break_id",
        "break_id",
        unique=True,
        postgresql_where=text("break_id IS NOT NULL"),
    ),
)

# A file that somebody gave on a page: kept until it is taken or refused, by the page or a worker.
uploaded_file = Table(
    "uploaded_file",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    # Of a settlement file alone.
    Column("network", ForeignKey("agent_network.code")),
    Column("declared_centimes", BigInteger),
    Column("name", Text, nullable=False),
    Column("encoding", Text),
    Column("bytes", Integer, nullable=False),
    # Emptied when it is taken or refused: what it told stands in the tables of its kind.
    Column("content", LargeBinary),
    Column("given_by", Text, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("ended_at", DateTime(timezone=True)),
    # What was found in it, or why it was refused: at which line.
    Column("report", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    CheckConstraint("kind IN ('settlement', 'cnss_answer')", name="kind"),
    CheckConstraint("(kind = 'settlement') = (network IS NOT NULL)", name="network"),
    CheckConstraint("state IN ('waiting', 'taken', 'refused')", name="state"),
    CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended"),
    CheckConstraint("(state = 'waiting') = (content IS NOT NULL)", name="content"),
    CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name"),
    CheckConstraint("bytes > 0", name="bytes"),
    Index("ix_uploaded_file_waiting", "id", postgresql_where=text("state = 'waiting'")),
)

# What `flask ledger verify` found on a day, as a worker keeps it for those who look later.
books_check = Table(
    "books_check",
    metadata,
    # The day in Morocco on which it was checked; the last look of a day counts.
    Column("day", Date, primary_key=True),
    Column("checked_at", DateTime(timezone=True), nullable=False),
    Column("rules", Integer, nullable=False),
    # The rules that did not hold, each with the rows that broke it.
    Column("broken", JSONB, nullable=False),
    Column("unsealed", Integer, nullable=False),
    # Of how many transactions the books were.
    Column("transactions", BigInteger, nullable=False),
    CheckConstraint("rules > 0 AND unsealed >= 0 AND transactions >= 0", name="counts"),
)

# Files of payments for CNSS to post; no two have the same name.
cnss_batch = Table(
    "cnss_batch",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("through", Date, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("total_centimes", BigInteger, nullable=False),
    # The file, byte for byte.
    Column("content", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

cnss_line = Table(
    "cnss_line",
    metadata,
    Column("batch_id", ForeignKey("cnss_batch.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("receipt_number", ForeignKey("deposit.receipt_number"), nullable=False),
    Column("period", Date, nullable=False),
    # `paid`, or `reversed` for a month sent as paid before.
    Column("status", Text, nullable=False),
    # 1, and one more each time a refused posting is sent again.
    Column("attempt", SmallInteger, nullable=False),
    Column("contribution_centimes", BigInteger, nullable=False),
    Column("penalty_centimes", BigInteger, nullable=False),
    Column("answer", Text),
    Column("answered_on", Date),
    Column("reason", Text),
    CheckConstraint("status IN ('paid', 'reversed')", name="status"),
    CheckConstraint("answer IN ('posted', 'refused')", name="answer"),
    CheckConstraint("(answer IS NULL) = (answered_on IS NULL)", name="answered_on"),
    # A month is sent once in each status and attempt.
    UniqueConstraint("receipt_number", "period", "status", "attempt", name="uq_cnss_line_sent"),
)

cnss_answer = Table(
    "cnss_answer",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("report", JSONB, nullable=False),
    Column("imported_at", DateTime(timezone=True), nullable=False),
)
