"""`flask figures`: makes a month's figures and publishes them, once."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.base.months import Month
from app.base.operation import operation
from app.cli.days import MonthParam
from app.figures.service import make_month, publish_month
from app.runtime import runtime


@click.group()
def figures() -> None:
    """Figures of a month, protected: what ministry, chambers and the public page show."""


@figures.command()
@click.option("--month", required=True, type=MonthParam(), help="the month, as YYYY-MM")
@with_appcontext
def publish(month: Month) -> None:
    """Publishes a month that is over, for good: a second time changes nothing.

    In development a month that still runs may be published too.
    """
    maalem = runtime()
    now = maalem.clock()
    make_month(maalem.database, maalem.figure_books, month, now)
    with operation(maalem.database, now, "operator") as change:
        published = publish_month(change, month, early=not maalem.settings.production)
    click.echo(f"{month}: published" if published else f"{month}: was published before, unchanged")
