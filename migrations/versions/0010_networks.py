"""the agent network's system, double entry with two names, breaks, files, the API's requests"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OLD_STATES = "state IN ('issued', 'paid', 'expired', 'cancelled')"
NEW_STATES = "state IN ('issued', 'paid', 'expired', 'cancelled', 'reversed')"
CHECKS = (
    ("deposit", "channel", "channel IN ('page', 'phone', 'api', 'file')"),
    ("deposit", "agency", "agent_id IS NULL OR agency_code IS NOT NULL"),
    ("deposit", "client", "(channel = 'api') = (client_id IS NOT NULL)"),
    (
        "ledger_transaction",
        "event",
        "event IN ('deposit', 'reversal', 'posting', 'posting_refused', 'posting_again', "
        "'resolution')",
    ),
    (
        "ledger_transaction",
        "approved",
        "event NOT IN ('resolution', 'posting_again') OR approved_by IS NOT NULL",
    ),
    ("ledger_transaction", "two_people", "approved_by <> made_by"),
    ("contribution_allocation", "posted", "posted_on IS NULL OR sent_at IS NOT NULL"),
)
# Their rows are never changed, except now, by the columns they get.
KEPT = ("deposit", "ledger_transaction", "ledger_line")


def upgrade() -> None:
    op.create_table(
        "agent_network",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("other_amounts", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,15}$'", name=op.f("ck_agent_network_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_agent_network")),
    )
    op.execute("INSERT INTO agent_network (code, name) VALUES ('wafacash', 'Wafacash')")
    op.create_table(
        "cnss_answer",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_cnss_answer")),
    )
    op.create_table(
        "cnss_batch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("through", sa.Date(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("total_centimes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cnss_batch")),
        sa.UniqueConstraint("name", name=op.f("uq_cnss_batch_name")),
    )
    op.create_table(
        "api_client",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("old_key_digest", sa.LargeBinary(), nullable=True),
        sa.Column("old_key_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("requests_a_minute", sa.Integer(), server_default=sa.text("600"), nullable=False),
        sa.Column("day_limit_centimes", sa.BigInteger(), nullable=True),
        sa.Column("agencies", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("addresses", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("polling", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id ~ '^[a-z][a-z0-9-]{2,31}$'", name=op.f("ck_api_client_id")),
        sa.CheckConstraint(
            "(old_key_digest IS NULL) = (old_key_until IS NULL)", name=op.f("ck_api_client_old_key")
        ),
        sa.CheckConstraint("day_limit_centimes > 0", name=op.f("ck_api_client_day_limit")),
        sa.CheckConstraint("octet_length(key_digest) = 32", name=op.f("ck_api_client_key_digest")),
        sa.CheckConstraint("requests_a_minute > 0", name=op.f("ck_api_client_requests_a_minute")),
        sa.ForeignKeyConstraint(
            ["network"], ["agent_network.code"], name=op.f("fk_api_client_network")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_client")),
    )
    op.create_table(
        "settlement_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column(
            "report",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("lines > 0", name=op.f("ck_settlement_file_lines")),
        sa.ForeignKeyConstraint(
            ["network"], ["agent_network.code"], name=op.f("fk_settlement_file_network")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_file")),
        sa.UniqueConstraint("digest", name=op.f("uq_settlement_file_digest")),
    )
    op.create_index("ix_settlement_file_day", "settlement_file", ["network", "day"], unique=False)
    op.create_table(
        "api_request",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("server_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column(
            "answer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("callback_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "callback_attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.CheckConstraint(
            "(method = 'callback') = (callback_url IS NOT NULL)",
            name=op.f("ck_api_request_callback_url"),
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (answer IS NULL)", name=op.f("ck_api_request_answered")
        ),
        sa.CheckConstraint("kind IN ('payment', 'reversal')", name=op.f("ck_api_request_kind")),
        sa.CheckConstraint(
            "method IN ('step', 'callback', 'polling')", name=op.f("ck_api_request_method")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'completed', 'failed')", name=op.f("ck_api_request_state")
        ),
        sa.CheckConstraint(
            "(answer IS NULL) = (status IS NULL)", name=op.f("ck_api_request_status")
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["api_client.id"], name=op.f("fk_api_request_client_id")
        ),
        sa.PrimaryKeyConstraint("client_id", "correlation_id", name=op.f("pk_api_request")),
        sa.UniqueConstraint("server_id", name=op.f("uq_api_request_server_id")),
    )
    op.create_index(
        "ix_api_request_calling",
        "api_request",
        ["callback_due_at"],
        unique=False,
        postgresql_where=sa.text("callback_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_api_request_pending",
        "api_request",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "settlement_line",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("amount_centimes", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_number", sa.Text(), nullable=True),
        sa.Column("terminal", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('paid', 'reversed')", name=op.f("ck_settlement_line_status")
        ),
        sa.CheckConstraint("amount_centimes > 0", name=op.f("ck_settlement_line_amount")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["settlement_file.id"], name=op.f("fk_settlement_line_file_id")
        ),
        sa.PrimaryKeyConstraint("file_id", "line", name=op.f("pk_settlement_line")),
    )
    op.create_index("ix_settlement_line_code", "settlement_line", ["code"], unique=False)
    op.create_index("ix_settlement_line_reference", "settlement_line", ["reference"], unique=False)
    op.create_table(
        "cnss_line",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("receipt_number", sa.Text(), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("contribution_centimes", sa.BigInteger(), nullable=False),
        sa.Column("penalty_centimes", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("answer IN ('posted', 'refused')", name=op.f("ck_cnss_line_answer")),
        sa.CheckConstraint("status IN ('paid', 'reversed')", name=op.f("ck_cnss_line_status")),
        sa.CheckConstraint(
            "(answer IS NULL) = (answered_on IS NULL)", name=op.f("ck_cnss_line_answered_on")
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["cnss_batch.id"], name=op.f("fk_cnss_line_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_number"], ["deposit.receipt_number"], name=op.f("fk_cnss_line_receipt_number")
        ),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_cnss_line")),
        sa.UniqueConstraint(
            "receipt_number", "period", "status", "attempt", name="uq_cnss_line_sent"
        ),
    )
    op.create_table(
        "reversal",
        sa.Column("receipt_number", sa.Text(), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(channel = 'office') = (approved_by IS NOT NULL)", name=op.f("ck_reversal_approved")
        ),
        sa.CheckConstraint(
            "channel IN ('page', 'api', 'office')", name=op.f("ck_reversal_channel")
        ),
        sa.CheckConstraint("approved_by <> made_by", name=op.f("ck_reversal_two_people")),
        sa.CheckConstraint(
            "char_length(reason) BETWEEN 1 AND 200", name=op.f("ck_reversal_reason")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_number"], ["deposit.receipt_number"], name=op.f("fk_reversal_receipt_number")
        ),
        sa.PrimaryKeyConstraint("receipt_number", name=op.f("pk_reversal")),
    )
    op.create_table(
        "reconciliation_break",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("receipt_number", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("our_centimes", sa.BigInteger(), nullable=True),
        sa.Column("their_centimes", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transaction_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'resolved') = (transaction_id IS NOT NULL AND approved_by IS NOT NULL)",
            name=op.f("ck_reconciliation_break_resolved"),
        ),
        sa.CheckConstraint(
            "(state IN ('resolved', 'closed')) = (ended_at IS NOT NULL)",
            name=op.f("ck_reconciliation_break_ended"),
        ),
        sa.CheckConstraint(
            "kind IN ('missing_here', 'missing_there', 'amount_differs', 'duplicate', "
            "'other_agent', 'reversed_there', 'reversed_here', 'other_amount_sent', "
            "'posting_refused', 'reversal_asked')",
            name=op.f("ck_reconciliation_break_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'closed') OR (proposed_by IS NOT NULL AND method IS NOT NULL "
            "AND reason IS NOT NULL AND proposed_at IS NOT NULL)",
            name=op.f("ck_reconciliation_break_proposed"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'proposed', 'resolved', 'closed')",
            name=op.f("ck_reconciliation_break_state"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_reconciliation_break_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["settlement_file.id"], name=op.f("fk_reconciliation_break_file_id")
        ),
        sa.ForeignKeyConstraint(
            ["network"], ["agent_network.code"], name=op.f("fk_reconciliation_break_network")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_number"],
            ["deposit.receipt_number"],
            name=op.f("fk_reconciliation_break_receipt_number"),
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["ledger_transaction.id"],
            name=op.f("fk_reconciliation_break_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_break")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_reconciliation_break_transaction_id")),
    )
    op.create_index(
        "ix_reconciliation_break_open",
        "reconciliation_break",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('open', 'proposed')"),
    )
    op.create_index(
        op.f("ix_reconciliation_break_receipt_number"),
        "reconciliation_break",
        ["receipt_number"],
        unique=False,
    )
    op.add_column(
        "agency",
        sa.Column("network", sa.Text(), server_default=sa.text("'wafacash'"), nullable=False),
    )
    op.create_foreign_key(
        op.f("fk_agency_network"), "agency", "agent_network", ["network"], ["code"]
    )
    op.add_column("deposit", sa.Column("network", sa.Text(), nullable=True))
    op.add_column("deposit", sa.Column("agent_number", sa.Text(), nullable=True))
    op.add_column("deposit", sa.Column("terminal", sa.Text(), nullable=True))
    op.add_column("deposit", sa.Column("client_id", sa.Text(), nullable=True))
    op.add_column("deposit", sa.Column("network_reference", sa.Text(), nullable=True))
    op.alter_column("deposit", "agent_id", existing_type=sa.BIGINT(), nullable=True)
    op.alter_column("deposit", "agency_code", existing_type=sa.TEXT(), nullable=True)
    op.create_index(
        "ix_deposit_client_id_received_at", "deposit", ["client_id", "received_at"], unique=False
    )
    op.create_index(
        "ix_deposit_network_received_at", "deposit", ["network", "received_at"], unique=False
    )
    op.create_foreign_key(
        op.f("fk_deposit_client_id"), "deposit", "api_client", ["client_id"], ["id"]
    )
    op.create_foreign_key(
        op.f("fk_deposit_network"), "deposit", "agent_network", ["network"], ["code"]
    )
    op.add_column("ledger_line", sa.Column("position", sa.SmallInteger(), nullable=True))
    op.create_index("ix_ledger_line_account", "ledger_line", ["account"], unique=False)
    op.add_column("ledger_transaction", sa.Column("network", sa.Text(), nullable=True))
    op.add_column("ledger_transaction", sa.Column("agent_number", sa.Text(), nullable=True))
    op.add_column("ledger_transaction", sa.Column("terminal", sa.Text(), nullable=True))
    op.add_column("ledger_transaction", sa.Column("made_by", sa.Text(), nullable=True))
    op.add_column("ledger_transaction", sa.Column("approved_by", sa.Text(), nullable=True))
    op.alter_column("ledger_transaction", "receipt_number", existing_type=sa.TEXT(), nullable=True)
    op.create_index(
        "ix_ledger_transaction_occurred_at", "ledger_transaction", ["occurred_at"], unique=False
    )
    op.create_index(
        "ix_ledger_transaction_receipt_number",
        "ledger_transaction",
        ["receipt_number"],
        unique=False,
    )
    op.create_foreign_key(
        op.f("fk_ledger_transaction_network"),
        "ledger_transaction",
        "agent_network",
        ["network"],
        ["code"],
    )
    op.add_column(
        "contribution_allocation", sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_contribution_allocation_unsent",
        "contribution_allocation",
        ["receipt_number"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_table(
        "till_close",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("deposits", sa.BigInteger(), nullable=False),
        sa.Column("total_centimes", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_till_close_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_till_close")),
    )
    op.create_index("ix_till_close_agent_id_day", "till_close", ["agent_id", "day"])
    _fill()
    for table, column in (
        ("deposit", "network"),
        ("ledger_transaction", "network"),
        ("ledger_transaction", "made_by"),
        ("ledger_line", "position"),
    ):
        op.alter_column(table, column, nullable=False)
    op.drop_constraint("pk_ledger_line", "ledger_line")
    op.create_primary_key("pk_ledger_line", "ledger_line", ["transaction_id", "position"])
    op.drop_index("uq_ledger_transaction_event", "ledger_transaction")
    op.create_index(
        "uq_ledger_transaction_event",
        "ledger_transaction",
        ["event", "receipt_number"],
        unique=True,
        postgresql_where=sa.text("event IN ('deposit', 'reversal')"),
    )
    _check_states(NEW_STATES)
    op.add_column("claim", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    for table, name, check in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, check)
    op.execute(
        "INSERT INTO ledger_account (code, name) "
        "VALUES ('suspense', 'Cash that belongs to no contribution yet')"
    )


def _fill() -> None:
    """Who took and made what was there before, from what is known of it."""
    for table in KEPT:
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    op.execute(
        "UPDATE deposit d SET network = y.network, agent_number = a.number "
        "FROM agency y, agent a WHERE y.code = d.agency_code AND a.id = d.agent_id"
    )
    op.execute(
        "UPDATE ledger_transaction t SET network = d.network, agent_number = d.agent_number, "
        "made_by = 'agent:' || d.agent_number FROM deposit d "
        "WHERE d.receipt_number = t.receipt_number"
    )
    op.execute(
        "UPDATE ledger_line l SET position = n.position FROM (SELECT transaction_id, account, "
        "row_number() OVER (PARTITION BY transaction_id ORDER BY account) AS position "
        "FROM ledger_line) n WHERE n.transaction_id = l.transaction_id AND n.account = l.account"
    )
    for table in KEPT:
        op.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _check_states(states: str) -> None:
    op.drop_constraint(op.f("ck_payment_code_state"), "payment_code")
    op.create_check_constraint(op.f("ck_payment_code_state"), "payment_code", states)


def downgrade() -> None:
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.execute("DELETE FROM ledger_account WHERE code = 'suspense'")
    op.drop_column("claim", "told_at")
    _check_states(OLD_STATES)
    op.drop_index("uq_ledger_transaction_event", "ledger_transaction")
    op.create_index(
        "uq_ledger_transaction_event",
        "ledger_transaction",
        ["event", "receipt_number"],
        unique=True,
    )
    op.drop_constraint("pk_ledger_line", "ledger_line")
    op.create_primary_key("pk_ledger_line", "ledger_line", ["transaction_id", "account"])
    op.drop_index(
        "ix_contribution_allocation_unsent",
        table_name="contribution_allocation",
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.drop_column("contribution_allocation", "sent_at")
    op.drop_constraint(
        op.f("fk_ledger_transaction_network"), "ledger_transaction", type_="foreignkey"
    )
    op.drop_index("ix_ledger_transaction_receipt_number", table_name="ledger_transaction")
    op.drop_index("ix_ledger_transaction_occurred_at", table_name="ledger_transaction")
    op.alter_column("ledger_transaction", "receipt_number", existing_type=sa.TEXT(), nullable=False)
    op.drop_column("ledger_transaction", "approved_by")
    op.drop_column("ledger_transaction", "made_by")
    op.drop_column("ledger_transaction", "terminal")
    op.drop_column("ledger_transaction", "agent_number")
    op.drop_column("ledger_transaction", "network")
    op.drop_index("ix_ledger_line_account", table_name="ledger_line")
    op.drop_column("ledger_line", "position")
    op.drop_constraint(op.f("fk_deposit_network"), "deposit", type_="foreignkey")
    op.drop_constraint(op.f("fk_deposit_client_id"), "deposit", type_="foreignkey")
    op.drop_index("ix_deposit_network_received_at", table_name="deposit")
    op.drop_index("ix_deposit_client_id_received_at", table_name="deposit")
    op.alter_column("deposit", "agency_code", existing_type=sa.TEXT(), nullable=False)
    op.alter_column("deposit", "agent_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("deposit", "network_reference")
    op.drop_column("deposit", "client_id")
    op.drop_column("deposit", "terminal")
    op.drop_column("deposit", "agent_number")
    op.drop_column("deposit", "network")
    op.drop_constraint(op.f("fk_agency_network"), "agency", type_="foreignkey")
    op.drop_column("agency", "network")
    op.drop_index(op.f("ix_reconciliation_break_receipt_number"), table_name="reconciliation_break")
    op.drop_index(
        "ix_reconciliation_break_open",
        table_name="reconciliation_break",
        postgresql_where=sa.text("state IN ('open', 'proposed')"),
    )
    op.drop_table("reconciliation_break")
    op.drop_table("till_close")
    op.drop_table("reversal")
    op.drop_table("cnss_line")
    op.drop_index("ix_settlement_line_reference", table_name="settlement_line")
    op.drop_index("ix_settlement_line_code", table_name="settlement_line")
    op.drop_table("settlement_line")
    op.drop_index(
        "ix_api_request_pending",
        table_name="api_request",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index(
        "ix_api_request_calling",
        table_name="api_request",
        postgresql_where=sa.text("callback_due_at IS NOT NULL"),
    )
    op.drop_table("api_request")
    op.drop_index("ix_settlement_file_day", table_name="settlement_file")
    op.drop_table("settlement_file")
    op.drop_table("api_client")
    op.drop_table("cnss_batch")
    op.drop_table("cnss_answer")
    op.drop_table("agent_network")
