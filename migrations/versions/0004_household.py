"""people of a phone: PIN, its reset, reminders on or off"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "artisan_pin",
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=False),
        sa.Column("set_on", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wrong_pins", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_by", sa.Text(), nullable=True),
        sa.CheckConstraint("wrong_pins BETWEEN 0 AND 2", name=op.f("ck_artisan_pin_wrong_pins")),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_artisan_pin_artisan_id")
        ),
        sa.PrimaryKeyConstraint("artisan_id", name=op.f("pk_artisan_pin")),
    )
    op.create_table(
        "pin_reset",
        sa.Column("artisan_id", sa.BigInteger(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries_left", sa.SmallInteger(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_pin_reset_tries_left")),
        sa.ForeignKeyConstraint(
            ["artisan_id"], ["artisan.id"], name=op.f("fk_pin_reset_artisan_id")
        ),
        sa.PrimaryKeyConstraint("artisan_id", name=op.f("pk_pin_reset")),
    )
    op.create_table(
        "phone_preference",
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("reminders", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("phone", name=op.f("pk_phone_preference")),
    )


def downgrade() -> None:
    op.drop_table("phone_preference")
    op.drop_table("pin_reset")
    op.drop_table("artisan_pin")
