"""first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE receipt_serial START 1000001")
    op.create_table(
        "agency",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("town", sa.Text(), nullable=False),
        sa.CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'", name=op.f("ck_agency_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_agency")),
    )
    op.create_table(
        "artisan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("rna_number", sa.Text(), nullable=False),
        sa.Column("cnss_number", sa.Text(), nullable=True),
        sa.Column("cin_digest", sa.LargeBinary(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("full_name_ar", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("coefficient", sa.Numeric(precision=4, scale=2), nullable=True),
        sa.Column("annual_tax_centimes", sa.BigInteger(), nullable=True),
        sa.Column("trade", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("province", sa.Text(), nullable=True),
        sa.Column("enrolled_on", sa.Date(), nullable=True),
        sa.Column("rights_until", sa.Date(), nullable=True),
        sa.Column("rights_as_of", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "category <> 'C' OR coefficient BETWEEN 1 AND 6", name=op.f("ck_artisan_coefficient")
        ),
        sa.CheckConstraint("category IN ('A', 'B', 'C', 'D')", name=op.f("ck_artisan_category")),
        sa.CheckConstraint("cnss_number ~ '^[0-9]{9}$'", name=op.f("ck_artisan_cnss_number")),
        sa.CheckConstraint(
            "language IN ('fr', 'ar', 'ary-Latn', 'zgh')", name=op.f("ck_artisan_language")
        ),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name=op.f("ck_artisan_phone")),
        sa.CheckConstraint("annual_tax_centimes >= 0", name=op.f("ck_artisan_annual_tax")),
        sa.CheckConstraint("octet_length(cin_digest) = 32", name=op.f("ck_artisan_cin_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artisan")),
        sa.UniqueConstraint("cin_digest", name=op.f("uq_artisan_cin_digest")),
        sa.UniqueConstraint("cnss_number", name=op.f("uq_artisan_cnss_number")),
        sa.UniqueConstraint("rna_number", name=op.f("uq_artisan_rna_number")),
    )
    op.create_index("ix_artisan_phone", "artisan", ["phone"], unique=False)
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_subject", "audit_event", ["subject", "id"], unique=False)
    op.create_table(
        "identification_attempt",
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("phone", "day", name=op.f("pk_identification_attempt")),
    )
    op.create_table(
        "ledger_account",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_ledger_account")),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("segments", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_reference", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'sending') = (leased_until IS NOT NULL)", name=op.f("ck_message_lease")
        ),
        sa.CheckConstraint("encoding IN ('GSM-7', 'UCS-2')", name=op.f("ck_message_encoding")),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'delivered', 'failed')",
            name=op.f("ck_message_state"),
        ),
        sa.CheckConstraint("segments > 0", name=op.f("ck_message_segments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("event_key", name=op.f("uq_message_event_key")),
    )
    op.create_index("ix_message_phone", "message", ["phone", "id"], unique=False)
    op.create_index(
        "ix_message_waiting",
        "message",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.create_table(
        "phone_profile",
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "language IN ('fr', 'ar', 'ary-Latn', 'zgh')", name=op.f("ck_phone_profile_language")
        ),
        sa.PrimaryKeyConstraint("phone", name=op.f("pk_phone_profile")),
    )
    op.create_table(
        "agent",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("agency_code", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("pin_hash", sa.Text(), nullable=False),
        sa.Column("wrong_pins", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("number ~ '^[0-9]{3,12}$'", name=op.f("ck_agent_number")),
        sa.CheckConstraint("wrong_pins >= 0", name=op.f("ck_agent_wrong_pins")),
        sa.ForeignKeyConstraint(
            ["agency_code"], ["agency.code"], name=op.f("fk_agent_agency_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
        sa.UniqueConstraint("number", name=op.f("uq_agent_number")),
    )
    op.create_index(op.f("ix_agent_agency_code"), "agent", ["agency_code"], unique=False)
    op.create_index(op.f("ix_agent_phone"), "agent", ["phone"], unique=False)
    op.create_table(
        "artisan_phone",
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("identified_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name=op.f("ck_artisan_phone_phone")),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_artisan_phone_artisan_id")
        ),
        sa.PrimaryKeyConstraint("phone", "artisan_id", name=op.f("pk_artisan_phone")),
    )
    op.create_index(
        op.f("ix_artisan_phone_artisan_id"), "artisan_phone", ["artisan_id"], unique=False
    )
    op.create_table(
        "payment_code",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'issued'"), nullable=False),
        sa.Column("contribution_centimes", sa.BigInteger(), nullable=False),
        sa.Column("penalty_centimes", sa.BigInteger(), nullable=False),
        sa.Column("fee_centimes", sa.BigInteger(), nullable=False),
        sa.Column("total_centimes", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default=sa.text("'MAD'"), nullable=False),
        sa.Column("first_period", sa.Date(), nullable=False),
        sa.Column("last_period", sa.Date(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'issued') = (ended_at IS NULL)", name=op.f("ck_payment_code_ended")
        ),
        sa.CheckConstraint("code ~ '^[1-9][0-9]{11}$'", name=op.f("ck_payment_code_code")),
        sa.CheckConstraint("currency = 'MAD'", name=op.f("ck_payment_code_currency")),
        sa.CheckConstraint(
            "state IN ('issued', 'paid', 'expired', 'cancelled')",
            name=op.f("ck_payment_code_state"),
        ),
        sa.CheckConstraint("contribution_centimes > 0", name=op.f("ck_payment_code_contribution")),
        sa.CheckConstraint("expires_at > issued_at", name=op.f("ck_payment_code_expires")),
        sa.CheckConstraint("first_period <= last_period", name=op.f("ck_payment_code_periods")),
        sa.CheckConstraint(
            "penalty_centimes >= 0 AND fee_centimes >= 0", name=op.f("ck_payment_code_penalty_fee")
        ),
        sa.CheckConstraint(
            "total_centimes = contribution_centimes + penalty_centimes + fee_centimes",
            name=op.f("ck_payment_code_total"),
        ),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_payment_code_artisan_id")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_payment_code")),
    )
    op.create_index(
        op.f("ix_payment_code_artisan_id"), "payment_code", ["artisan_id"], unique=False
    )
    op.create_index(
        "ix_payment_code_expiring",
        "payment_code",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.create_index(
        "uq_payment_code_live",
        "payment_code",
        ["artisan_id"],
        unique=True,
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.create_table(
        "deposit",
        sa.Column("receipt_number", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("agency_code", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("total_centimes", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default=sa.text("'MAD'"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("currency = 'MAD'", name=op.f("ck_deposit_currency")),
        sa.CheckConstraint(
            "receipt_number ~ '^[0-9]{8,12}$'", name=op.f("ck_deposit_receipt_number")
        ),
        sa.CheckConstraint("total_centimes > 0", name=op.f("ck_deposit_total")),
        sa.ForeignKeyConstraint(
            ["agency_code"], ["agency.code"], name=op.f("fk_deposit_agency_code")
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_deposit_agent_id")),
        sa.ForeignKeyConstraint(["artisan_id"], ["artisan.id"], name=op.f("fk_deposit_artisan_id")),
        sa.ForeignKeyConstraint(["code"], ["payment_code.code"], name=op.f("fk_deposit_code")),
        sa.PrimaryKeyConstraint("receipt_number", name=op.f("pk_deposit")),
        sa.UniqueConstraint("code", name=op.f("uq_deposit_code")),
    )
    op.create_index(op.f("ix_deposit_agency_code"), "deposit", ["agency_code"], unique=False)
    op.create_index(op.f("ix_deposit_agent_id"), "deposit", ["agent_id"], unique=False)
    op.create_index(op.f("ix_deposit_artisan_id"), "deposit", ["artisan_id"], unique=False)
    op.create_table(
        "payment_code_line",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("contribution_centimes", sa.BigInteger(), nullable=False),
        sa.Column("penalty_centimes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "contribution_centimes > 0 AND penalty_centimes >= 0",
            name=op.f("ck_payment_code_line_amounts"),
        ),
        sa.CheckConstraint(
            "extract(day FROM period) = 1", name=op.f("ck_payment_code_line_period")
        ),
        sa.ForeignKeyConstraint(
            ["code"], ["payment_code.code"], name=op.f("fk_payment_code_line_code")
        ),
        sa.PrimaryKeyConstraint("code", "period", name=op.f("pk_payment_code_line")),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_number", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_number"],
            ["deposit.receipt_number"],
            name=op.f("fk_idempotency_key_receipt_number"),
        ),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_table(
        "ledger_transaction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("receipt_number", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_number"],
            ["deposit.receipt_number"],
            name=op.f("fk_ledger_transaction_receipt_number"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transaction")),
    )
    op.create_index(
        "uq_ledger_transaction_event",
        "ledger_transaction",
        ["event", "receipt_number"],
        unique=True,
    )
    op.create_table(
        "contribution_allocation",
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("receipt_number", sa.Text(), nullable=False),
        sa.Column("contribution_centimes", sa.BigInteger(), nullable=False),
        sa.Column("penalty_centimes", sa.BigInteger(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "contribution_centimes > 0 AND penalty_centimes >= 0",
            name=op.f("ck_contribution_allocation_amounts"),
        ),
        sa.CheckConstraint(
            "extract(day FROM period) = 1", name=op.f("ck_contribution_allocation_period")
        ),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_contribution_allocation_artisan_id")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_number"],
            ["deposit.receipt_number"],
            name=op.f("fk_contribution_allocation_receipt_number"),
        ),
        sa.PrimaryKeyConstraint("artisan_id", "period", name=op.f("pk_contribution_allocation")),
    )
    op.create_index(
        op.f("ix_contribution_allocation_receipt_number"),
        "contribution_allocation",
        ["receipt_number"],
        unique=False,
    )
    op.create_table(
        "ledger_line",
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_centimes", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default=sa.text("'MAD'"), nullable=False),
        sa.CheckConstraint("currency = 'MAD'", name=op.f("ck_ledger_line_currency")),
        sa.CheckConstraint("amount_centimes <> 0", name=op.f("ck_ledger_line_amount")),
        sa.ForeignKeyConstraint(
            ["account"], ["ledger_account.code"], name=op.f("fk_ledger_line_account")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["ledger_transaction.id"],
            name=op.f("fk_ledger_line_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("transaction_id", "account", name=op.f("pk_ledger_line")),
    )


def downgrade() -> None:
    op.drop_table("ledger_line")
    op.drop_index(
        op.f("ix_contribution_allocation_receipt_number"), table_name="contribution_allocation"
    )
    op.drop_table("contribution_allocation")
    op.drop_index("uq_ledger_transaction_event", table_name="ledger_transaction")
    op.drop_table("ledger_transaction")
    op.drop_table("idempotency_key")
    op.drop_table("payment_code_line")
    op.drop_index(op.f("ix_deposit_artisan_id"), table_name="deposit")
    op.drop_index(op.f("ix_deposit_agent_id"), table_name="deposit")
    op.drop_index(op.f("ix_deposit_agency_code"), table_name="deposit")
    op.drop_table("deposit")
    op.drop_index(
        "uq_payment_code_live",
        table_name="payment_code",
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.drop_index(
        "ix_payment_code_expiring",
        table_name="payment_code",
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.drop_index(op.f("ix_payment_code_artisan_id"), table_name="payment_code")
    op.drop_table("payment_code")
    op.drop_index(op.f("ix_artisan_phone_artisan_id"), table_name="artisan_phone")
    op.drop_table("artisan_phone")
    op.drop_index(op.f("ix_agent_phone"), table_name="agent")
    op.drop_index(op.f("ix_agent_agency_code"), table_name="agent")
    op.drop_table("agent")
    op.drop_table("phone_profile")
    op.drop_index(
        "ix_message_waiting",
        table_name="message",
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.drop_index("ix_message_phone", table_name="message")
    op.drop_table("message")
    op.drop_table("ledger_account")
    op.drop_table("identification_attempt")
    op.drop_index("ix_audit_event_subject", table_name="audit_event")
    op.drop_table("audit_event")
    op.drop_index("ix_artisan_phone", table_name="artisan")
    op.drop_table("artisan")
    op.drop_table("agency")
    op.execute("DROP SEQUENCE receipt_serial")
