"""`flask reversals`: lists deposits that were undone, with what allowed each."""

from __future__ import annotations

from datetime import date

import click
from flask.cli import with_appcontext

from app.base.clock import local, local_date
from app.base.database import reading
from app.cli.days import DayParam
from app.cli.tables import JSON, print_json, print_rows
from app.payments.reversal_list import ListedReversal, ReversalsAsked, list_reversals
from app.runtime import runtime

_COLUMNS = ("receipt", "taken by", "total", "undone at", "min", "how", "by", "with")


@click.group()
def reversals() -> None:
    """Deposits that were undone at tills and phones, by the API and by the office."""


@reversals.command("list")
@click.option("--from", "first", type=DayParam(), help="the first day; today when left out")
@click.option("--to", "last", type=DayParam(), help="the last day; the first when left out")
@click.option("--agent", help="only what this agent number took, undid or agreed to")
@JSON
@with_appcontext
def list_command(first: date | None, last: date | None, agent: str | None, as_json: bool) -> None:
    """Lists the reversals of these days in Morocco, oldest first."""
    begin = first or local_date(runtime().clock())
    end = last or begin
    if end < begin:
        raise click.BadParameter("before --from", param_hint="--to")
    with reading(runtime().database) as connection:
        listed = list_reversals(connection, ReversalsAsked(begin, end, agent))
    if as_json:
        print_json([row.as_json() for row in listed])
        return
    print_rows(_COLUMNS, map(_table_row, listed))


def _table_row(row: ListedReversal) -> tuple[str, ...]:
    at = f"{local(row.reversed_at):%d/%m %H:%M}"
    deposited = row.receipt, row.taken_by or "", str(row.total)
    return (*deposited, at, str(row.minutes), row.allowance, row.made_by, row.approved_by or "")
