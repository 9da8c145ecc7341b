"""Agencies that close at noon: the two spells of a day."""

from alembic import op

revision = "0025_pauses_of_agencies"
down_revision = "0024_agents_by_actor"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for days in ("weekday", "saturday"):
        begins, ends = f"{days}_pause_begins", f"{days}_pause_ends"
        op.execute(f"ALTER TABLE agency ADD COLUMN {begins} time, ADD COLUMN {ends} time")
        inside = f"{days}_opens < {begins} AND {begins} < {ends} AND {ends} < {days}_closes"
        op.execute(
            f"ALTER TABLE agency ADD CONSTRAINT ck_agency_{days}_pause CHECK"
            f" (({begins} IS NULL) = ({ends} IS NULL) AND ({begins} IS NULL OR ({inside})))"
        )


def downgrade() -> None:
    for days in ("weekday", "saturday"):
        op.execute(f"ALTER TABLE agency DROP COLUMN {days}_pause_begins")
        op.execute(f"ALTER TABLE agency DROP COLUMN {days}_pause_ends")
