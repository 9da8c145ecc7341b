"""requests for help, official notices, consent to promotional messages"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WAITING = sa.text("state IN ('open', 'taken')")


def upgrade() -> None:
    _create_help_request()
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,31}$'", name=op.f("ck_notice_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("name", name=op.f("uq_notice_name")),
    )
    op.create_index("ix_notice_until", "notice", ["until"])
    op.create_table(
        "notice_text",
        sa.Column("notice_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "language IN ('fr', 'ar', 'ary-Latn', 'zgh')", name=op.f("ck_notice_text_language")
        ),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 1 AND 24", name=op.f("ck_notice_text_title")
        ),
        sa.CheckConstraint("char_length(body) BETWEEN 1 AND 122", name=op.f("ck_notice_text_body")),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
            name=op.f("fk_notice_text_notice_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("notice_id", "language", name=op.f("pk_notice_text")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("subject IN ('export_news')", name=op.f("ck_consent_subject")),
        sa.CheckConstraint("channel IN ('ussd', 'sms')", name=op.f("ck_consent_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("answered_by", name=op.f("uq_consent_answered_by")),
    )
    op.create_index("ix_consent_phone", "consent", ["phone", "subject", "id"])
    # What was answered is proof: never changed, never deleted (refuse_change is 0002's).
    op.execute(
        "CREATE TRIGGER consent_kept BEFORE UPDATE OR DELETE ON consent "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def _create_help_request() -> None:
    op.create_table(
        "help_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("artisan_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reference ~ '^[1-9][0-9]{6}$'", name=op.f("ck_help_request_reference")),
        sa.CheckConstraint(
            "kind IN ('call_back', 'enrolment', 'bank', 'dar', 'export')",
            name=op.f("ck_help_request_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'taken', 'done', 'cancelled')", name=op.f("ck_help_request_state")
        ),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name=op.f("ck_help_request_phone")),
        sa.CheckConstraint("changed_at >= asked_at", name=op.f("ck_help_request_changed_at")),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_help_request_artisan_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_request")),
        sa.UniqueConstraint("reference", name=op.f("uq_help_request_reference")),
    )
    op.create_index(
        "uq_help_request_waiting",
        "help_request",
        ["phone", "kind", "topic"],
        unique=True,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_help_request_phone", "help_request", ["phone", "id"])
    op.create_index("ix_help_request_waiting", "help_request", ["id"], postgresql_where=_WAITING)


def downgrade() -> None:
    op.drop_table("consent")
    op.drop_table("notice_text")
    op.drop_table("notice")
    op.drop_table("help_request")
