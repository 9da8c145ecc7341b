"""`flask figures`: makes a month's figures and publishes them, once."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.base.database import reading
from app.base.months import Month
from app.cli.acting import BY, operation_of, sign_in_actor
from app.cli.days import MonthParam
from app.cli.tables import JSON, print_json
from app.figures.queries import count_cells
from app.figures.service import is_published, make_month, publish_month
from app.office.rights import Right
from app.runtime import runtime


@click.group()
def figures() -> None:
    """Figures of a month, protected: what ministry, chambers and the public page show."""


@figures.command()
@click.option("--month", required=True, type=MonthParam(), help="the month, as YYYY-MM")
@BY
@JSON
@with_appcontext
def publish(month: Month, by: str | None, as_json: bool) -> None:
    """Publishes a month that is over, for good: a second time changes nothing.

    In development a month that still runs may be published too.
    """
    maalem = runtime()
    actor = sign_in_actor(by, Right.RUN_SERVICE)
    with reading(maalem.database) as connection:
        is_new = not is_published(connection, month)
    if is_new:
        make_month(maalem.database, maalem.figure_books, month, maalem.clock())
    with operation_of(actor) as change:
        published = publish_month(change, month, early=not maalem.settings.production)
        shown, hidden = count_cells(change.connection, month)
    if as_json:
        print_json({"month": f"{month}", "new": published, "shown": shown, "hidden": hidden})
        return
    told = "published" if published else "was published before, nothing changed"
    click.echo(f"{month}: {told}; {shown} figures shown, {hidden} hidden")
