"""The office's users, and one reading of names wherever two people are needed."""

from pathlib import Path

from alembic import op

revision = "0003_office"
down_revision = "0002_reversal_allowances"
branch_labels = None
depends_on = None

# The table, and the column of the first of its two people.
_TWO_PEOPLE = {
    "audit_event": "actor",
    "ledger_transaction": "made_by",
    "reversal": "made_by",
    "reconciliation_break": "proposed_by",
    "campaign": "proposed_by",
}


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for table, first in _TWO_PEOPLE.items():
        _replace_check(table, f"person_key(approved_by) <> person_key({first})")


def downgrade() -> None:
    for table, first in _TWO_PEOPLE.items():
        _replace_check(table, f"lower(approved_by) <> lower({first})")
    op.execute("DROP TABLE office_seat, office_user")
    op.execute("DROP FUNCTION person_key(text)")


def _replace_check(table: str, condition: str) -> None:
    name = f"ck_{table}_two_people"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition})")
