"""`flask funnel`: counts, screen by screen, how far callers come."""

import dataclasses
import json
from datetime import timedelta

import click
from flask.cli import with_appcontext
from rich.table import Table

from app.base.database import reading
from app.cli.tables import print_table
from app.observe.funnel import FunnelLine, count_funnel
from app.runtime import runtime


@click.command()
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 366))
@click.option("--json", "as_json", is_flag=True, help="for programs")
@with_appcontext
def funnel(days: int, as_json: bool) -> None:
    """Counts the callers who came to each screen, answered, went back, were cut off or ended."""
    maalem = runtime()
    now = maalem.clock()
    resting = {s.name for s in maalem.ussd.menu.screens.values() if s.is_answer}
    with reading(maalem.database) as connection:
        lines = count_funnel(connection, now - timedelta(days=days), now, resting)
    if as_json:
        screens = [dataclasses.asdict(line) for line in lines]
        click.echo(json.dumps({"days": days, "screens": screens}, ensure_ascii=False))
    else:
        print_table(_table(lines))


def _table(lines: list[FunnelLine]) -> Table:
    table = Table()
    for field in dataclasses.fields(FunnelLine):
        words = field.name in {"screen", "language", "gateway"}
        heading = field.name.replace("_", " ")
        table.add_column(heading, justify="left" if words else "right")
    for line in lines:
        cells = dataclasses.astuple(line)
        table.add_row(*("" if cell is None else str(cell) for cell in cells))
    return table
