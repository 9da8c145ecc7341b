"""`flask ledger`: prints the books as statements and balances, and verifies them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import click
from flask.cli import with_appcontext

from app.base.clock import local, local_date
from app.base.counts import write_count
from app.base.database import reading, snapshot
from app.base.money import Money
from app.cli.days import DayParam
from app.cli.tables import JSON, print_json, print_rows
from app.ledger.models import ACCOUNTS
from app.ledger.queries import StatementLine, account_statement, trial_balance
from app.payments.code_history import list_code_events
from app.reconciliation.books_checks import verify_books
from app.runtime import runtime


@click.group()
def ledger() -> None:
    """The books: double entry, whole centimes; debits are positive, credits negative."""


@ledger.command()
@click.option(
    "--account",
    metavar="ACCOUNT",
    required=True,
    type=click.Choice(ACCOUNTS),
    help=f"one of {', '.join(ACCOUNTS)}",
)
@click.option("--from", "first", type=DayParam(), help="the first day; today when left out")
@click.option("--to", "last", type=DayParam(), help="the last day; the first when left out")
@JSON
@with_appcontext
def statement(account: str, first: date | None, last: date | None, as_json: bool) -> None:
    """Prints every line of ACCOUNT on these days in Morocco, between two balances."""
    begin = first or _today()
    end = last or begin
    if end < begin:
        raise click.BadParameter("before --from", param_hint="--to")
    with reading(runtime().database) as connection:
        lines = account_statement(connection, account, begin, end + timedelta(days=1))
    balance, entries = lines.opening, []
    for entry in lines.entries:
        balance = balance + entry.amount
        entries.append(_entry_row(entry, balance))
    if as_json:
        period = {"account": account, "from": f"{begin}", "to": f"{end}"}
        balances = {"opening": str(lines.opening), "closing": str(lines.closing)}
        print_json(period | balances | {"entries": entries})
        return
    rows = [(f"{begin}", "opening", "", "", "", str(lines.opening)), *map(_table_row, entries)]
    print_rows(
        ("at", "event", "receipt", "by", "amount", "balance"),
        rows,
        prose=("by",),
        footer=(f"{end}", "closing", "", "", "", str(lines.closing)),
        title=account,
    )


def _entry_row(entry: StatementLine, balance: Money) -> dict[str, str | int | None]:
    return {
        "transaction": entry.transaction,
        "at": local(entry.occurred_at).isoformat(timespec="seconds"),
        "event": entry.event,
        "receipt": entry.reference,
        "network": entry.metadata.get("network"),
        "agent": entry.metadata.get("agent_number"),
        "terminal": entry.metadata.get("terminal"),
        "made_by": entry.made_by,
        "approved_by": entry.approved_by,
        "amount": str(entry.amount),
        "balance": str(balance),
    }


def _table_row(entry: Mapping[str, str | int | None]) -> tuple[str, ...]:
    by = " + ".join(str(entry[name]) for name in ("made_by", "approved_by") if entry[name])
    start = tuple(str(entry[name] or "") for name in ("at", "event", "receipt"))
    return *start, by, str(entry["amount"]), str(entry["balance"])


@ledger.command("trial-balance")
@click.option("--on", type=DayParam(), help="at the end of that day; today when left out")
@JSON
@with_appcontext
def trial_balance_command(on: date | None, as_json: bool) -> None:
    """Prints every account's balance; their sum is zero."""
    day = on or _today()
    with reading(runtime().database) as connection:
        balances = trial_balance(connection, day + timedelta(days=1))
    amounts = {account: str(balance) for account, balance in balances.items()}
    total = sum(balance.centimes for balance in balances.values())
    if as_json:
        print_json({"on": f"{day}", "accounts": amounts, "sum": f"{total / 100:.2f}"})
        return
    print_rows(("account", "balance"), amounts.items(), title=f"{day}")


@ledger.command()
@click.argument("code")
@JSON
@with_appcontext
def code(code: str, as_json: bool) -> None:
    """Prints the states of CODE, or of a receipt's code: the actor and moment of each."""
    with reading(runtime().database) as connection:
        steps = list_code_events(connection, code.replace(" ", ""), runtime().clock())
    if not steps:
        raise click.ClickException("no such code, and no such receipt")
    rows = [
        {
            "state": step.state,
            "at": local(step.at).isoformat(timespec="seconds"),
            "by": step.by,
            "receipt": step.receipt,
        }
        for step in steps
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        by, receipt = row["by"] or "time", row["receipt"] or ""
        click.echo(f"{row['at']}  {row['state']:<9}  {by}  {receipt}".rstrip())


@ledger.command()
@JSON
@with_appcontext
def verify(as_json: bool) -> None:
    """Checks the rules of every row. Exits with 1 and names the rows that break one."""
    with snapshot(runtime().database) as connection:
        found = verify_books(connection)
    count, broken = found.rules, found.broken
    if as_json:
        waiting = {"rows": found.unsealed, "since": _write_moment(found.unsealed_since)}
        print_json({"rules": count, "broken": broken, "unsealed": waiting})
    else:
        for rule, rows in broken.items():
            click.echo(f"not true: {rule}: {', '.join(rows)}")
        click.echo(f"{count - len(broken)} of {count} rules hold")
        if found.unsealed_since:
            rows_waiting, since = write_count(found.unsealed, "row"), found.unsealed_since
            click.echo(f"not sealed yet: {rows_waiting}, {_write_moment(since)} on")
    if broken:
        raise SystemExit(1)


def _write_moment(moment: datetime | None) -> str | None:
    return local(moment).isoformat(timespec="seconds") if moment else None


def _today() -> date:
    return local_date(runtime().clock())
