"""reimbursements, family covered, and the enrolment file"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_centimes", sa.BigInteger(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=True),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("number ~ '^[A-Z0-9][A-Z0-9/-]{0,15}$'", name=op.f("ck_claim_number")),
        sa.CheckConstraint(
            "state IN ('filed', 'in_review', 'ready', 'paid', 'refused')",
            name=op.f("ck_claim_state"),
        ),
        sa.CheckConstraint("amount_centimes > 0", name=op.f("ck_claim_amount")),
        sa.CheckConstraint(
            "state NOT IN ('ready', 'paid') OR amount_centimes IS NOT NULL",
            name=op.f("ck_claim_amount_known"),
        ),
        sa.CheckConstraint("collection IN ('cash', 'bank')", name=op.f("ck_claim_collection")),
        sa.CheckConstraint(
            "(collection IS NULL) = (chosen_at IS NULL)", name=op.f("ck_claim_chosen_at")
        ),
        sa.CheckConstraint("as_of >= filed_on", name=op.f("ck_claim_as_of")),
        sa.ForeignKeyConstraint(["artisan_id"], ["artisan.id"], name=op.f("fk_claim_artisan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("number", name=op.f("uq_claim_number")),
    )
    op.create_index("ix_claim_artisan", "claim", ["artisan_id", "filed_on"])
    op.create_table(
        "family_cover",
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("spouses", sa.SmallInteger(), nullable=False),
        sa.Column("children", sa.SmallInteger(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.CheckConstraint("spouses BETWEEN 0 AND 4", name=op.f("ck_family_cover_spouses")),
        sa.CheckConstraint("children BETWEEN 0 AND 40", name=op.f("ck_family_cover_children")),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_family_cover_artisan_id")
        ),
        sa.PrimaryKeyConstraint("artisan_id", name=op.f("pk_family_cover")),
    )
    op.create_table(
        "enrolment_file",
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("missing", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "missing <@ ARRAY['cin', 'card', 'form', 'tax']", name=op.f("ck_enrolment_file_missing")
        ),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_enrolment_file_artisan_id")
        ),
        sa.PrimaryKeyConstraint("artisan_id", name=op.f("pk_enrolment_file")),
    )


def downgrade() -> None:
    op.drop_table("enrolment_file")
    op.drop_table("family_cover")
    op.drop_index("ix_claim_artisan", table_name="claim")
    op.drop_table("claim")
