"""two people are two names, however written; a budget is a number"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TWO_PEOPLE = (
    ("ledger_transaction", "made_by"),
    ("reversal", "made_by"),
    ("reconciliation_break", "proposed_by"),
    ("campaign", "proposed_by"),
)


# Breaks and reversals never had one name in two writings; a broadcast that one person alone started
# was never approved.
ALONE = """
UPDATE campaign SET state = 'cancelled', approved_by = NULL
WHERE lower(approved_by) = lower(proposed_by)
"""


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def upgrade() -> None:
    op.execute(ALONE)
    for table, first in TWO_PEOPLE:
        _check(table, "two_people", f"lower(approved_by) <> lower({first})")
    for table in ("campaign", "spending_day"):
        # Every number is below the numeric that is none: it was no limit.
        op.execute(f"UPDATE {table} SET budget = NULL WHERE budget = 'NaN'")  # noqa: S608
        _check(table, "budget", "spent >= 0 AND spent <= budget AND budget <> 'NaN'")


def downgrade() -> None:
    for table, first in TWO_PEOPLE:
        _check(table, "two_people", f"approved_by <> {first}")
    for table in ("campaign", "spending_day"):
        _check(table, "budget", "spent >= 0 AND spent <= budget")
