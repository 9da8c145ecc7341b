"""`flask notices broadcast`, `approve`, `cancel`: a notice sent to many, by two people."""

from __future__ import annotations

import dataclasses

import click
from flask.cli import with_appcontext

from app.base.clock import local
from app.base.counts import write_count
from app.base.money import ZERO, Money
from app.cli.acting import BY, acting
from app.cli.notices import notices
from app.cli.options import NUMBER, REGION, DirhamsParam, budget_of
from app.cli.tables import JSON, print_json, print_rows
from app.office.rights import Right
from app.reminders.broadcasts import (
    BroadcastRequest,
    LanguagePreview,
    approve_broadcast,
    propose_broadcast,
)
from app.reminders.service import cancel_campaign
from app.runtime import runtime


@notices.command()
@click.argument("name")
@REGION
@click.option("--trade", help="as the register writes it")
@click.option("--all", "everybody", is_flag=True, help="every artisan")
@click.option("--budget", type=DirhamsParam(ZERO), help="SMS_CAMPAIGN_BUDGET if left out")
@JSON
@BY
@with_appcontext
def broadcast(
    name: str,
    region: str | None,
    trade: str | None,
    everybody: bool,
    budget: Money | None,
    as_json: bool,
    by: str | None,
) -> None:
    """Proposes to tell the notice NAME by SMS: shows to how many, in which words, at what cost.

    Nothing is sent until a second person approves it.
    """
    if everybody == bool(region or trade):
        raise click.UsageError("either --all, or --region or --trade or both")
    maalem = runtime()
    request = BroadcastRequest(notice=name, region=region, trade=trade, budget=budget_of(budget))
    with acting(by, Right.SEND_NOTICES) as change:
        settings = maalem.reminder_settings
        proposal = propose_broadcast(change, settings, maalem.words, request)
    if as_json:
        previews = [dataclasses.asdict(one) for one in proposal.previews]
        print_json({"number": proposal.number, "name": proposal.name, "previews": previews})
        return
    _print_previews(proposal.previews)
    click.echo(
        f"{proposal.name} waits for a second person: flask notices approve {proposal.number}"
    )


def _print_previews(previews: tuple[LanguagePreview, ...]) -> None:
    print_rows(
        ("language", "people", "segments each", "MAD at most", "text"),
        (
            (one.language, str(one.people), str(one.segments), f"{one.cost:.2f}", one.text)
            for one in previews
        ),
        prose=("text",),
    )
    people = sum(preview.people for preview in previews)
    cost = sum(preview.cost for preview in previews)
    segments = sum(preview.people * preview.segments for preview in previews)
    click.echo(
        f"{write_count(people, 'person', 'people')}, {write_count(segments, 'segment')},"
        f" at most {cost:.2f} MAD"
    )


@notices.command()
@click.argument("number", type=NUMBER)
@BY
@with_appcontext
def approve(number: int, by: str | None) -> None:
    """Starts the broadcast NUMBER; not by who proposed it."""
    maalem = runtime()
    settings, now = maalem.reminder_settings, maalem.clock()
    with acting(by, Right.SEND_NOTICES) as change:
        people = approve_broadcast(change, settings, number)
    opens = settings.calendar.next_opening(now)
    click.echo(
        f"{write_count(people, 'person', 'people')} to be told from {local(opens):%d/%m %H:%M} on"
    )


@notices.command()
@click.argument("name")
@BY
@with_appcontext
def cancel(name: str, by: str | None) -> None:
    """Cancels the broadcast NAME (`notice:...`), proposed or under way."""
    with acting(by, Right.SEND_NOTICES) as change:
        waiting = cancel_campaign(change, name)
    click.echo(f"{name} is cancelled, {waiting} who waited are not told")
