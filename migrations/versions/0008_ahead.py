"""paying for others: tries by kind, and who gets the receipt"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "identification_attempt",
        sa.Column("kind", sa.Text(), server_default=sa.text("'identify'"), nullable=False),
    )
    op.drop_constraint("pk_identification_attempt", "identification_attempt", type_="primary")
    op.create_primary_key(
        "pk_identification_attempt", "identification_attempt", ["phone", "day", "kind"]
    )
    op.create_table(
        "receipt_recipient",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name=op.f("ck_receipt_recipient_phone")),
        sa.ForeignKeyConstraint(
            ["code"], ["payment_code.code"], name=op.f("fk_receipt_recipient_code")
        ),
        sa.PrimaryKeyConstraint("code", "phone", name=op.f("pk_receipt_recipient")),
    )


def downgrade() -> None:
    op.drop_table("receipt_recipient")
    op.execute("DELETE FROM identification_attempt WHERE kind <> 'identify'")
    op.drop_constraint("pk_identification_attempt", "identification_attempt", type_="primary")
    op.create_primary_key("pk_identification_attempt", "identification_attempt", ["phone", "day"])
    op.drop_column("identification_attempt", "kind")
