"""`flask sms report`: the costs of messages, and how many arrived."""

from collections.abc import Sequence
from datetime import date

import click
from flask.cli import with_appcontext

from app.base.database import transaction
from app.cli.days import DayParam
from app.cli.tables import print_json, print_rows
from app.enrolment.queries import region_by_phone
from app.messaging.costs import GROUPS, CostLine, CostRequest, Costs, count_costs
from app.runtime import runtime

# The first and last day that a report may name.
_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)


def _read_groups(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in value.split(",")))
    if strange := [name for name in names if name not in GROUPS]:
        raise click.BadParameter(f"{strange[0]!r} is none of {', '.join(GROUPS)}.")
    return names


@click.command()
@click.option("--from", "first", required=True, type=DayParam(), help="First day, in Morocco.")
@click.option("--to", "last", required=True, type=DayParam(), help="Last day, included.")
@click.option("--by", default=",".join(GROUPS), show_default=True, callback=_read_groups)
@click.option("--json", "as_json", is_flag=True, help="For programs; money with two decimals.")
@with_appcontext
def report(first: date, last: date, by: Sequence[str], as_json: bool) -> None:
    """Reports the cost of these days, how many messages arrived, how soon: docs/messages.md."""
    if not _FIRST <= first <= last <= _LAST:
        wrong = "before --from" if last < first else "a year this service does not know"
        raise click.BadParameter(f"{last} is {wrong}.", param_hint="'--to'")
    maalem = runtime()
    with transaction(maalem.database) as connection:
        request = CostRequest(first, last, region_by_phone(), by)
        costs = count_costs(connection, maalem.prices, request)
    if as_json:
        days = {"from": f"{first}", "to": f"{last}", "by": by}
        lines = [{**line.group, **_as_data(line)} for line in costs.lines]
        print_json(days | {"lines": lines, "total": _as_data(costs.total)})
    else:
        _print_costs(costs, by, f"{first} to {last}")


def _as_data(line: CostLine) -> dict[str, object]:
    share, median = line.delivered_share, line.median_seconds
    return {
        "messages": line.messages,
        "segments": line.segments,
        "dirhams": str(line.cost),
        "delivered": line.delivered,
        "delivered_share": None if share is None else round(share, 4),
        "median_seconds": None if median is None else round(median, 1),
        "failed": line.failed,
        "not_taken": line.not_taken,
        "unreported": line.unreported,
        "resent_unknown": line.resent_unknown,
    }


def _print_costs(costs: Costs, by: Sequence[str], title: str) -> None:
    figures = _figure_cells(costs.total)
    print_rows(
        (*by, *figures),
        ((*line.group.values(), *_figure_cells(line).values()) for line in costs.lines),
        footer=("all", *[""] * (len(by) - 1), *figures.values()),
        title=title,
    )


def _figure_cells(line: CostLine) -> dict[str, str]:
    share, median = line.delivered_share, line.median_seconds
    return {
        "messages": f"{line.messages:,}",
        "segments": f"{line.segments:,}",
        "MAD": f"{line.cost.centimes // 100:,}.{line.cost.centimes % 100:02}",
        "delivered": "-" if share is None else f"{share:.1%}",
        "median": "-" if median is None else f"{median:,.0f} s",
        "failed": f"{line.failed:,}",
        "not taken": f"{line.not_taken:,}",
        "unreported": f"{line.unreported:,}",
        "sent again": f"{line.resent_unknown:,}",
    }
