"""`flask reminders`: queues reminders, shows how they stand, compares them with the holdout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import click
from flask.cli import with_appcontext

from app.base.clock import local, local_date
from app.base.counts import write_count
from app.base.database import take_time, transaction
from app.base.money import ZERO, Money
from app.base.months import Month
from app.cli.acting import BY, acting
from app.cli.days import DayParam
from app.cli.options import DirhamsParam, budget_of
from app.cli.tables import JSON, print_json, print_rows
from app.office.rights import Right
from app.reminders.queries import (
    CampaignState,
    Comparison,
    DaySpending,
    compare_with_holdout,
    find_spending,
    list_late_campaigns,
)
from app.reminders.rules import Share
from app.reminders.service import (
    CampaignPlan,
    RecipientGroup,
    cancel_campaign,
    pause_campaign,
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
@JSON
@BY
@with_appcontext
def send(on: date | None, dry_run: bool, as_json: bool, by: str | None) -> None:
    """Queues the reminders due on the day, once; workers send them within the hours.

    Says how many, segments and dirhams at most, by language and region, and how many are held out.
    """
    maalem = runtime()
    settings, now = maalem.reminder_settings, maalem.clock()
    day = on or local_date(now)
    if dry_run:
        settings = settings.priced_for_real()
        with transaction(maalem.database) as connection:
            take_time(connection)
            plans = plan_reminders(connection, settings, day, now)
    else:
        with acting(by, Right.RUN_SERVICE) as change:
            plans = queue_reminders(change, settings, day)
    if as_json:
        print_json(_plans_as_json(day, dry_run, plans))
    else:
        _print_plans(dry_run, plans, settings.describe_price(day))


@dataclass(slots=True)
class _Figures:
    """Sums over groups of recipients; segments and dirhams are the most there can be."""

    queued: int = 0
    held_out: int = 0
    segments_at_most: int = 0
    cost_at_most: Decimal = Decimal(0)

    def add(self, group: RecipientGroup, price: Decimal) -> None:
        self.queued += group.queued
        self.held_out += group.held_out
        self.segments_at_most += group.segments_at_most
        self.cost_at_most += group.segments_at_most * price

    def as_json(self) -> dict[str, int | str]:
        return {
            "queued": self.queued,
            "held_out": self.held_out,
            "segments_at_most": self.segments_at_most,
            "cost_at_most": f"{self.cost_at_most:.2f}",
        }


def _sum_all(plans: Iterable[CampaignPlan]) -> _Figures:
    figures = _Figures()
    for plan in plans:
        for group in plan.groups:
            figures.add(group, plan.price)
    return figures


def _sum_by_language_and_region(
    plans: Iterable[CampaignPlan],
) -> list[tuple[str, str, _Figures]]:
    sums: dict[tuple[str, str], _Figures] = defaultdict(_Figures)
    for plan in plans:
        for group in plan.groups:
            sums[group.language, group.region or ""].add(group, plan.price)
    return [(language, region, figures) for (language, region), figures in sorted(sums.items())]


def _plans_as_json(day: date, dry_run: bool, plans: Sequence[CampaignPlan]) -> dict[str, object]:
    groups = [
        {"language": language, "region": region or None, **figures.as_json()}
        for language, region, figures in _sum_by_language_and_region(plans)
    ]
    campaigns = [
        {
            "campaign": plan.occasion.name,
            "opens_at": local(plan.occasion.opens_at).isoformat(),
            "useful_until": local(plan.occasion.useful_until).isoformat(),
            **_sum_all([plan]).as_json(),
        }
        for plan in plans
    ]
    head: dict[str, object] = {"day": day.isoformat(), "dry_run": dry_run}
    return head | _sum_all(plans).as_json() | {"campaigns": campaigns, "groups": groups}


def _print_plans(dry_run: bool, plans: Sequence[CampaignPlan], price: str) -> None:
    total = _sum_all(plans)
    word = "would be queued" if dry_run else "queued"
    click.echo(
        f"{total.queued} {word}, {total.held_out} held out; at most "
        f"{write_count(total.segments_at_most, 'segment')}, {total.cost_at_most:.2f} MAD ({price})"
    )
    for plan in plans:
        opens_at = f"{local(plan.occasion.opens_at):%d/%m/%Y %H:%M}"
        click.echo(f"{plan.occasion.name}: {plan.queued} from {opens_at}")
    rows = [
        (language, region or "-", *map(str, figures.as_json().values()))
        for language, region, figures in _sum_by_language_and_region(plans)
    ]
    if rows:
        headings = (name.replace("_", " ") for name in _Figures().as_json())
        print_rows(("language", "region", *headings), rows, prose=("region",))


@reminders.command()
@JSON
@with_appcontext
def status(as_json: bool) -> None:
    """Shows the campaigns of the last weeks, who waits, and which a budget has stopped."""
    maalem = runtime()
    now = maalem.clock()
    with transaction(maalem.database) as connection:
        take_time(connection)
        campaigns = list_late_campaigns(connection, now)
        today = find_spending(connection, local_date(now))
    opens = maalem.reminder_settings.calendar.next_opening(now)
    if as_json:
        print_json(_status_as_json(campaigns, today, opens))
    else:
        _print_status(campaigns, today)
        click.echo("open now" if opens == now else f"opens {local(opens):%d/%m %H:%M}")


def _print_status(campaigns: Sequence[CampaignState], today: DaySpending) -> None:
    print_rows(
        ("number", "campaign", "state", "until", "people", "spent", "budget"),
        (
            (
                str(campaign.number),
                campaign.name,
                campaign.state,
                f"{local(campaign.useful_until):%d/%m %H:%M}",
                ", ".join(f"{count} {state}" for state, count in sorted(campaign.people.items())),
                f"{campaign.spent:.2f}",
                _dirhams(campaign.budget) or "-",
            )
            for campaign in campaigns
        ),
        prose=("people",),
    )
    click.echo(f"today: {today.spent:.2f} MAD of {_dirhams(today.budget) or 'no limit'}")
    if today.reached_at:
        click.echo("today's budget is reached: the others wait for tomorrow, or for a greater one")
    for name in (campaign.name for campaign in campaigns if campaign.state == "paused"):
        click.echo(f"{name} is stopped by its budget: flask reminders resume {name}")


def _status_as_json(
    campaigns: Sequence[CampaignState], today: DaySpending, opens: datetime
) -> dict[str, object]:
    return {
        "opens_at": local(opens).isoformat(),
        "today": {
            "spent": f"{today.spent:.2f}",
            "budget": _dirhams(today.budget),
            "budget_reached": today.reached_at is not None,
        },
        "campaigns": [
            {
                "number": campaign.number,
                "campaign": campaign.name,
                "state": campaign.state,
                "useful_until": local(campaign.useful_until).isoformat(),
                "people": dict(campaign.people),
                "spent": f"{campaign.spent:.2f}",
                "budget": _dirhams(campaign.budget),
            }
            for campaign in campaigns
        ],
    }


def _dirhams(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


@reminders.command()
@click.argument("name")
@BY
@with_appcontext
def pause(name: str, by: str | None) -> None:
    """Pauses the campaign NAME; `resume` lets it go on."""
    with acting(by, Right.RUN_SERVICE) as change:
        pause_campaign(change, name)
    click.echo(f"{name} is paused")


@reminders.command()
@click.argument("name")
@click.option(
    "--budget", type=DirhamsParam(ZERO), help="in all, spent dirhams included; none: no limit"
)
@BY
@with_appcontext
def resume(name: str, budget: Money | None, by: str | None) -> None:
    """Resumes the campaign NAME that its budget stopped, or a person."""
    with acting(by, Right.RUN_SERVICE) as change:
        resume_campaign(change, name, budget_of(budget))
    click.echo(f"{name} goes on, {budget or 'no'} budget")


@reminders.command()
@click.argument("name")
@BY
@with_appcontext
def cancel(name: str, by: str | None) -> None:
    """Cancels the campaign NAME: nobody else hears of it."""
    with acting(by, Right.RUN_SERVICE) as change:
        waiting = cancel_campaign(change, name)
    click.echo(f"{name} is cancelled, {waiting} who waited are not told")


@reminders.command()
@click.option("--month", help="of one month, as 2026-11; all if left out")
@JSON
@with_appcontext
def report(month: str | None, as_json: bool) -> None:
    """Compares who paid in time, of those reminded and of those held out (95% interval)."""
    maalem = runtime()
    fewest = maalem.reminder_settings.calendar.fewest_compared.value
    only = Month.parse(month) if month else None
    with transaction(maalem.database) as connection:
        comparisons = compare_with_holdout(connection, only, fewest, maalem.clock())
    if as_json:
        campaigns = [_comparison_as_json(comparison) for comparison in comparisons]
        print_json({"campaigns": campaigns})
        return
    print_rows(
        ("campaign", "reminded", "held out", "difference", "95%", "remark"),
        map(_comparison_cells, comparisons),
        prose=("reminded", "held out", "remark"),
    )


def _comparison_cells(comparison: Comparison) -> tuple[str, ...]:
    shares = _share_cell(comparison.reminded), _share_cell(comparison.held_out)
    if not comparison.enough:
        return (comparison.campaign, *shares, "-", "-", "too few to compare")
    difference, low, high = comparison.difference
    interval = f"{low:+.1%} to {high:+.1%}"
    remark = "" if comparison.over else "not over yet"
    return (comparison.campaign, *shares, f"{difference:+.1%}", interval, remark)


def _share_cell(share: Share) -> str:
    return f"{share.paid} of {share.people} paid in time, {share.fraction:.1%}"


def _comparison_as_json(comparison: Comparison) -> dict[str, object]:
    difference, low, high = comparison.difference if comparison.enough else (None, None, None)
    return {
        "campaign": comparison.campaign,
        "step": comparison.step,
        "month": str(comparison.month),
        "deadline": comparison.deadline.isoformat(),
        "over": comparison.over,
        "reminded": _share_as_json(comparison.reminded),
        "held_out": _share_as_json(comparison.held_out),
        "too_few": not comparison.enough,
        "difference": difference,
        "low": low,
        "high": high,
    }


def _share_as_json(share: Share) -> dict[str, object]:
    return {"people": share.people, "paid_in_time": share.paid, "share": share.fraction}
