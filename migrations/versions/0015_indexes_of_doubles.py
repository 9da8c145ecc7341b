"""Adds the indexes without which each removed person of an undone import reads whole tables."""

from alembic import op

revision = "0015_indexes_of_doubles"
down_revision = "0014_pins_by_phone"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX ix_artisan_merged_into ON artisan (merged_into)
            WHERE merged_into IS NOT NULL;
        CREATE INDEX ix_desk_act_artisan_id ON desk_act (artisan_id);
        CREATE INDEX ix_desk_act_double_id ON desk_act (double_id);
        """
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_artisan_merged_into, ix_desk_act_artisan_id, ix_desk_act_double_id")
