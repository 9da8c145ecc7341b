"""`flask funnel`: counts how far callers come: dialled, saw dues, code, paid; and each screen."""

import dataclasses
from datetime import timedelta

import click
from flask.cli import with_appcontext

from app.base.clock import local_date, local_midnight
from app.base.database import reading
from app.cli.tables import JSON, print_json, print_rows
from app.figures.journey import Journey, count_journey
from app.observe.funnel import FunnelLine, count_funnel
from app.payments.code_history import count_paid_codes
from app.runtime import runtime


@click.command()
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 366))
@JSON
@with_appcontext
def funnel(days: int, as_json: bool) -> None:
    """Counts how many talks came to dues, code and payment, and what callers did at each screen.

    Counted are today and so many whole days before. A step's share is of the talks that dialled.
    Paid are the codes that phones asked for in these days and that are paid by now.
    """
    maalem = runtime()
    now = maalem.clock()
    first = local_date(now) - timedelta(days=days)
    resting = maalem.ussd.menu.answers
    with reading(maalem.database) as connection:
        lines = count_funnel(connection, first, now, resting)
        journey = count_journey(connection, maalem.figure_books, first, now)
        paid = count_paid_codes(connection, local_midnight(first))
    steps = _list_steps(journey, paid)
    if as_json:
        screens = [dataclasses.asdict(line) for line in lines]
        print_json({"days": days, "journey": steps, "screens": screens})
        return
    print_rows(
        ("journey", "count", "share"),
        ((str(s["step"]), str(s["count"]), _write_share(s["share"])) for s in steps),
    )
    click.echo()
    names = [field.name for field in dataclasses.fields(FunnelLine)]
    print_rows(
        [name.replace("_", " ") for name in names],
        (
            ["" if cell is None else str(cell) for cell in dataclasses.astuple(line)]
            for line in lines
        ),
    )


def _list_steps(journey: Journey, paid: int) -> list[dict[str, str | int | float | None]]:
    counts = {
        "dialled": journey.dialled,
        "saw dues": journey.saw_dues,
        "code": journey.saw_code,
        "paid": paid,
    }
    whole = journey.dialled
    return [
        {"step": step, "count": count, "share": round(count / whole, 4) if whole else None}
        for step, count in counts.items()
    ]


def _write_share(share: object) -> str:
    return f"{share:.1%}" if isinstance(share, float) else "-"
