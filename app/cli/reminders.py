"""`flask reminders`: queues them, says how they stand and what they change. Decides nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.table import Table

from app.base.clock import local, local_date
from app.base.database import transaction
from app.base.money import ZERO, Money
from app.base.months import Month
from app.cli.days import DayParam
from app.cli.options import DirhamsParam, budget_of
from app.reminders.queries import (
    CampaignState,
    Comparison,
    DaySpending,
    compare_with_holdout,
    find_spending,
    list_campaigns,
)
from app.reminders.rules import Share
from app.reminders.service import (
    Group,
    Planned,
    cancel_campaign,
    plan_reminders,
    queue_reminders,
    resume_campaign,
)
from app.runtime import runtime


@click.group()
def reminders() -> None:
    """Reminders of what is due (docs/reminders.md)."""


@reminders.command()
@click.option("--on", type=DayParam(), help="of which day; today if left out")
@click.option("--dry-run", is_flag=True, help="only says what it would queue; changes nothing")
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def send(on: date | None, dry_run: bool, as_json: bool) -> None:
    """Queues the reminders due on the day, once; workers send them within the hours.

    Says how many, segments and dirhams at most, by language and region, and how many are held out.
    """
    maalem = runtime()
    now = maalem.clock()
    day = on or local_date(now)
    decide = plan_reminders if dry_run else queue_reminders
    with transaction(maalem.database) as connection:
        planned = decide(connection, maalem.reminding, day, now)
    told = _as_json(day, dry_run, planned)
    click.echo(json.dumps(told, ensure_ascii=False)) if as_json else _print_plan(told)


def _as_json(day: date, dry_run: bool, planned: Sequence[Planned]) -> dict[str, Any]:
    every: dict[tuple[str, str], list[tuple[Group, Decimal]]] = defaultdict(list)
    for one in planned:
        for group in one.groups:
            every[group.language, group.region or ""].append((group, one.price))
    groups = [
        {"language": language, "region": region or None} | _sums(found)
        for (language, region), found in sorted(every.items())
    ]
    campaigns = [
        {
            "campaign": one.occasion.name,
            "opens_at": local(one.occasion.opens_at).isoformat(),
            "useful_until": local(one.occasion.useful_until).isoformat(),
        }
        | _sums([(group, one.price) for group in one.groups])
        for one in planned
    ]
    total = _sums([pair for found in every.values() for pair in found])
    head = {"day": day.isoformat(), "dry_run": dry_run}
    return head | total | {"campaigns": campaigns, "groups": groups}


def _sums(found: Sequence[tuple[Group, Decimal]]) -> dict[str, Any]:
    cost = sum((group.segments_at_most * price for group, price in found), Decimal(0))
    return {
        "queued": sum(group.queued for group, _ in found),
        "held_out": sum(group.held_out for group, _ in found),
        "segments_at_most": sum(group.segments_at_most for group, _ in found),
        "cost_at_most": f"{cost:.2f}",
    }


_FIGURES = ("queued", "held_out", "segments_at_most", "cost_at_most")


def _print_plan(told: dict[str, Any]) -> None:
    table = Table("language", "region", *(name.replace("_", " ") for name in _FIGURES))
    for group in told["groups"]:
        figures = (str(group[name]) for name in _FIGURES)
        table.add_row(group["language"], group["region"] or "-", *figures)
    if told["groups"]:
        Console().print(table)
    for one in told["campaigns"]:
        click.echo(f"{one['campaign']}: {one['queued']} from {one['opens_at']}")
    word = "would be queued" if told["dry_run"] else "queued"
    click.echo(
        f"{told['queued']} {word}, {told['held_out']} held out; at most "
        f"{told['segments_at_most']} segments, {told['cost_at_most']} MAD"
    )


@reminders.command()
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def status(as_json: bool) -> None:
    """What was said to many of late, what waits, and whether a budget has stopped it."""
    maalem = runtime()
    now = maalem.clock()
    with transaction(maalem.database) as connection:
        campaigns = list_campaigns(connection, now)
        today = find_spending(connection, local_date(now))
    opens = maalem.reminding.calendar.next_opening(now)
    if as_json:
        click.echo(json.dumps(_status(campaigns, today, opens)))
        return
    table = Table("number", "campaign", "state", "until", "people", "spent", "budget")
    for one in campaigns:
        people = ", ".join(f"{count} {state}" for state, count in sorted(one.people.items()))
        until, budget = f"{local(one.useful_until):%d/%m %H:%M}", _money(one.budget) or "-"
        table.add_row(
            str(one.number), one.name, one.state, until, people, f"{one.spent:.2f}", budget
        )
    Console().print(table)
    click.echo(f"today: {today.spent:.2f} MAD of {_money(today.budget) or 'no limit'}")
    if today.reached_at:
        click.echo("today's budget is reached: the others wait for tomorrow, or for a greater one")
    for one in campaigns:
        if one.state == "paused":
            click.echo(f"{one.name} is stopped by its budget: flask reminders resume {one.name}")
    click.echo("open now" if opens == now else f"opens {local(opens):%d/%m %H:%M}")


def _status(
    campaigns: Sequence[CampaignState], today: DaySpending, opens: datetime
) -> dict[str, Any]:
    return {
        "opens_at": local(opens).isoformat(),
        "today": {
            "spent": f"{today.spent:.2f}",
            "budget": _money(today.budget),
            "budget_reached": today.reached_at is not None,
        },
        "campaigns": [
            {
                "number": one.number,
                "campaign": one.name,
                "state": one.state,
                "useful_until": local(one.useful_until).isoformat(),
                "people": dict(one.people),
                "spent": f"{one.spent:.2f}",
                "budget": _money(one.budget),
            }
            for one in campaigns
        ],
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


@reminders.command()
@click.argument("name")
@click.option(
    "--budget", type=DirhamsParam(ZERO), help="in all, spent dirhams included; none: no limit"
)
@with_appcontext
def resume(name: str, budget: Money | None) -> None:
    """Goes on with the campaign NAME that its budget stopped."""
    with transaction(runtime().database) as connection:
        resume_campaign(connection, name, budget_of(budget))
    click.echo(f"{name} goes on, {budget or 'no'} budget")


@reminders.command()
@click.argument("name")
@with_appcontext
def cancel(name: str) -> None:
    """Nobody else hears of the campaign NAME."""
    maalem = runtime()
    with transaction(maalem.database) as connection:
        waiting = cancel_campaign(connection, name, maalem.clock())
    click.echo(f"{name} is cancelled, {waiting} who waited are not told")


@reminders.command()
@click.option("--month", help="of one month, as 2026-11; all if left out")
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def report(month: str | None, as_json: bool) -> None:
    """Who paid in time, of those reminded and of those held out, and the difference (95%)."""
    maalem = runtime()
    fewest = maalem.reminding.calendar.fewest_compared.value
    chosen = Month.parse(month) if month else None
    with transaction(maalem.database) as connection:
        found = compare_with_holdout(connection, chosen, fewest, maalem.clock())
    if as_json:
        click.echo(json.dumps({"campaigns": [_comparison(one) for one in found]}))
        return
    table = Table("campaign", "reminded", "held out", "difference", "95%", "")
    for one in found:
        difference, low, high = one.difference
        said = "too few to compare" if not one.enough else "" if one.over else "not over yet"
        shown = f"{difference:+.1%}", f"{low:+.1%} to {high:+.1%}"
        cells = shown if one.enough else ("-", "-")
        table.add_row(one.campaign, _paid(one.reminded), _paid(one.held_out), *cells, said)
    Console().print(table)


def _paid(share: Share) -> str:
    return f"{share.paid} of {share.people} paid in time, {share.share:.1%}"


def _comparison(one: Comparison) -> dict[str, Any]:
    difference, low, high = one.difference if one.enough else (None, None, None)
    return {
        "campaign": one.campaign,
        "step": one.step,
        "month": str(one.month),
        "deadline": one.deadline.isoformat(),
        "over": one.over,
        "reminded": _share(one.reminded),
        "held_out": _share(one.held_out),
        "too_few": not one.enough,
        "difference": difference,
        "low": low,
        "high": high,
    }


def _share(share: Share) -> dict[str, Any]:
    return {"people": share.people, "paid_in_time": share.paid, "share": share.share}
