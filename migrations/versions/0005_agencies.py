"""where agencies are and when they are open, limits of agents"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AGENCY_CHECKS = {
    "address": "char_length(address) BETWEEN 1 AND 32",
    "weekday_both": "(weekday_opens IS NULL) = (weekday_closes IS NULL)",
    "weekday_hours": "weekday_opens < weekday_closes",
    "saturday_both": "(saturday_opens IS NULL) = (saturday_closes IS NULL)",
    "saturday_hours": "saturday_opens < saturday_closes",
    "float_limit": "float_limit_centimes > 0",
}

# A phone that several active agents gave was no use to any of them: the newest keeps it.
ONE_AGENT_A_PHONE = """
UPDATE agent older SET phone = NULL FROM agent newer
    WHERE older.phone = newer.phone AND older.active AND newer.active AND older.id < newer.id
"""


def upgrade() -> None:
    op.create_table(
        "town",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("latin", sa.Text(), nullable=False),
        sa.Column("arabic", sa.Text(), nullable=False),
        sa.Column("tifinagh", sa.Text(), nullable=False),
        sa.CheckConstraint("code ~ '^[a-z][a-z-]{1,31}$'", name=op.f("ck_town_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_town")),
    )
    op.create_index(op.f("ix_town_region"), "town", ["region"], unique=False)
    op.add_column("agency", sa.Column("town_code", sa.Text(), nullable=True))
    op.add_column("agency", sa.Column("address", sa.Text(), nullable=True))
    for name in ("weekday_opens", "weekday_closes", "saturday_opens", "saturday_closes"):
        op.add_column("agency", sa.Column(name, sa.Time(), nullable=True))
    op.add_column("agency", sa.Column("float_limit_centimes", sa.BigInteger(), nullable=True))
    op.add_column(
        "agency",
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    for name, rule in AGENCY_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_agency_{name}"), "agency", rule)
    op.create_foreign_key(op.f("fk_agency_town_code"), "agency", "town", ["town_code"], ["code"])
    op.create_index(op.f("ix_agency_town_code"), "agency", ["town_code"], unique=False)
    op.add_column("agent", sa.Column("code_limit_centimes", sa.BigInteger(), nullable=True))
    op.add_column("agent", sa.Column("day_limit_centimes", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_agent_limits"), "agent", "code_limit_centimes > 0 AND day_limit_centimes > 0"
    )
    op.drop_index(op.f("ix_agent_phone"), table_name="agent")
    op.execute(ONE_AGENT_A_PHONE)
    op.create_index(
        "uq_agent_phone", "agent", ["phone"], unique=True, postgresql_where=sa.text("active")
    )
    # What an agent and an agency took today is asked for at each deposit under a limit.
    for column in ("agent_id", "agency_code"):
        op.drop_index(op.f(f"ix_deposit_{column}"), table_name="deposit")
        op.create_index(
            f"ix_deposit_{column}_received_at", "deposit", [column, "received_at"], unique=False
        )


def downgrade() -> None:
    for column in ("agent_id", "agency_code"):
        op.drop_index(f"ix_deposit_{column}_received_at", table_name="deposit")
        op.create_index(op.f(f"ix_deposit_{column}"), "deposit", [column], unique=False)
    op.drop_index("uq_agent_phone", table_name="agent", postgresql_where=sa.text("active"))
    op.create_index(op.f("ix_agent_phone"), "agent", ["phone"], unique=False)
    op.drop_constraint(op.f("ck_agent_limits"), "agent", type_="check")
    op.drop_column("agent", "day_limit_centimes")
    op.drop_column("agent", "code_limit_centimes")
    op.drop_index(op.f("ix_agency_town_code"), table_name="agency")
    op.drop_constraint(op.f("fk_agency_town_code"), "agency", type_="foreignkey")
    for name in AGENCY_CHECKS:
        op.drop_constraint(op.f(f"ck_agency_{name}"), "agency", type_="check")
    op.drop_column("agency", "active")
    op.drop_column("agency", "float_limit_centimes")
    for name in ("weekday_opens", "weekday_closes", "saturday_opens", "saturday_closes"):
        op.drop_column("agency", name)
    op.drop_column("agency", "address")
    op.drop_column("agency", "town_code")
    op.drop_index(op.f("ix_town_region"), table_name="town")
    op.drop_table("town")
