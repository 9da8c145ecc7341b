"""`flask notices broadcast`, `approve`, `cancel`: a notice told to many, by two people."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.table import Table

from app.base.clock import local
from app.base.database import transaction
from app.base.money import ZERO, Money
from app.cli.notices import notices
from app.cli.options import NUMBER, DirhamsParam, budget_of, read_name
from app.reminders.broadcasts import Audience, Spoken, approve_broadcast, propose_broadcast
from app.reminders.service import cancel_campaign
from app.runtime import runtime

_BY = click.option("--by", required=True, callback=read_name, help="who: a name that is kept")


@notices.command()
@click.argument("name")
@click.option("--region", help="as the register writes it")
@click.option("--trade", help="as the register writes it")
@click.option("--all", "everybody", is_flag=True, help="every artisan")
@click.option("--budget", type=DirhamsParam(ZERO), help="SMS_CAMPAIGN_BUDGET if left out")
@_BY
@with_appcontext
def broadcast(
    name: str,
    region: str | None,
    trade: str | None,
    everybody: bool,
    budget: Money | None,
    by: str,
) -> None:
    """Proposes to tell the notice NAME by SMS: shows to how many, in which words, at what cost.

    Nothing is sent until a second person approves it.
    """
    if everybody == bool(region or trade):
        raise click.UsageError("either --all, or --region or --trade or both")
    maalem = runtime()
    with transaction(maalem.database) as connection:
        proposal = propose_broadcast(
            connection,
            maalem.reminding,
            name,
            Audience(region, trade),
            by,
            budget_of(budget),
            maalem.clock(),
        )
    _print_preview(proposal.spoken)
    click.echo(
        f"{proposal.name} waits for a second person: flask notices approve {proposal.number}"
    )


def _print_preview(spoken: tuple[Spoken, ...]) -> None:
    table = Table("language", "people", "segments each", "MAD at most", "text")
    for one in spoken:
        counts = str(one.people), str(one.segments), f"{one.cost:.2f}"
        table.add_row(one.language, *counts, one.text)
    Console().print(table)
    people, cost = sum(one.people for one in spoken), sum(one.cost for one in spoken)
    segments = sum(one.people * one.segments for one in spoken)
    click.echo(f"{people} people, {segments} segments, at most {cost:.2f} MAD")


@notices.command()
@click.argument("number", type=NUMBER)
@_BY
@with_appcontext
def approve(number: int, by: str) -> None:
    """Starts the broadcast NUMBER; not by who proposed it."""
    maalem = runtime()
    now = maalem.clock()
    with transaction(maalem.database) as connection:
        told = approve_broadcast(connection, maalem.reminding, number, by, now)
    opens = maalem.reminding.calendar.next_opening(now)
    click.echo(f"{told} people are told from {local(opens):%d/%m %H:%M} on")


@notices.command()
@click.argument("name")
@with_appcontext
def cancel(name: str) -> None:
    """Nobody else hears of the broadcast NAME (`notice:...`), proposed or under way."""
    maalem = runtime()
    with transaction(maalem.database) as connection:
        waiting = cancel_campaign(connection, name, maalem.clock())
    click.echo(f"{name} is cancelled, {waiting} who waited are not told")
