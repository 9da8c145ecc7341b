"""two people are two names, however written; a budget is a number"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TWO_PEOPLE = (
    ("ledger_transaction", "made_by"),
    ("reversal", "made_by"),
    ("money_break", "proposed_by"),
    ("campaign", "proposed_by"),
)


def _check(table: str, name: str, rule: str, *, old_rows: bool = True) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(
        op.f(f"ck_{table}_{name}"), table, rule, postgresql_not_valid=not old_rows
    )


def upgrade() -> None:
    # What stands in the books stays there, whoever wrote it.
    for table, first in TWO_PEOPLE:
        _check(table, "two_people", f"lower(approved_by) <> lower({first})", old_rows=False)
    for table in ("campaign", "spending_day"):
        # Every number is below the numeric that is none: it was no limit.
        op.execute(f"UPDATE {table} SET budget = NULL WHERE budget = 'NaN'")  # noqa: S608
        _check(table, "budget", "spent >= 0 AND spent <= budget AND budget <> 'NaN'")


def downgrade() -> None:
    for table, first in TWO_PEOPLE:
        _check(table, "two_people", f"approved_by <> {first}")
    for table in ("campaign", "spending_day"):
        _check(table, "budget", "spent >= 0 AND spent <= budget")
