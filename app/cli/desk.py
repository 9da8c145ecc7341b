"""`flask assistance`, `flask notices`, `flask claims`: the help desk's work, until it has pages."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from app.assistance.errors import NoSuchRequest
from app.assistance.queries import list_waiting
from app.assistance.service import move_request
from app.base.clock import local, local_date
from app.base.database import reading, transaction
from app.base.money import Money
from app.claims.errors import ClaimOfAnother
from app.claims.models import STATES
from app.claims.service import record_claim
from app.cli.days import DayParam
from app.cli.options import DirhamsParam
from app.enrolment.models import artisan
from app.notices.rules import read_notice
from app.notices.service import publish_notice, withdraw_notice
from app.runtime import runtime


@click.group()
def assistance() -> None:
    """Requests for help."""


@assistance.command("list")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 1000))
@with_appcontext
def list_command(most: int) -> None:
    """What waits, oldest first: whom to call, in which language, about what."""
    with reading(runtime().database) as connection:
        waiting = list_waiting(connection, most)
    table = Table("reference", "asked", "phone", "language", "kind", "topic", "state")
    for one in waiting:
        asked = one.request
        when = f"{local(asked.asked_at):%d/%m %H:%M}"
        # The desk has to call: here and nowhere else the number is written out.
        row = asked.reference, when, one.phone.e164, one.language, asked.kind, asked.topic
        table.add_row(*row, asked.state)
    Console().print(table)


@assistance.command()
@click.argument("reference")
@with_appcontext
def take(reference: str) -> None:
    """Somebody looks after REFERENCE: the person sees it."""
    _move(reference, "taken")


@assistance.command()
@click.argument("reference")
@with_appcontext
def done(reference: str) -> None:
    """REFERENCE is settled."""
    _move(reference, "done")


def _move(reference: str, state: str) -> None:
    try:
        with transaction(runtime().database) as connection:
            move_request(connection, reference, state, runtime().clock())
    except NoSuchRequest:
        raise click.ClickException(f"no request {reference} that could be {state}") from None
    click.echo(f"request {reference} is {state}")


@click.group()
def notices() -> None:
    """Official notices."""


@notices.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_appcontext
def publish(file: Path) -> None:
    """Publishes the YAML FILE: name, until, and title and text in the four languages.

    app/notices/sample_notice.yaml shows one.
    """
    notice = read_notice(file.read_bytes())
    with transaction(runtime().database) as connection:
        publish_notice(connection, notice, runtime().clock())
    click.echo(f"notice {notice.name} is published until {notice.until}")


@notices.command()
@click.argument("name")
@with_appcontext
def withdraw(name: str) -> None:
    """Takes the notice NAME away."""
    with transaction(runtime().database) as connection:
        if not withdraw_notice(connection, name):
            raise click.ClickException(f"no notice {name}")
    click.echo(f"notice {name} is withdrawn")


@click.group()
def claims() -> None:
    """Reimbursements."""


@claims.command("record")
@click.argument("number")
@click.option("--rna", required=True, help="the artisan's RNA number")
@click.option("--state", required=True, type=click.Choice(STATES))
@click.option("--amount", type=DirhamsParam(Money(1)), help="once CNSS has decided")
@click.option("--filed-on", type=DayParam(), help="today when left out")
@with_appcontext
def record_command(
    number: str, rna: str, state: str, amount: Money | None, filed_on: date | None
) -> None:
    """CNSS's word on the claim NUMBER; one that is ready is told to the artisan by SMS, once."""
    if state in {"ready", "paid"} and not amount:
        raise click.UsageError(f"{state} needs --amount")
    maalem = runtime()
    today = local_date(maalem.clock())
    with transaction(maalem.database) as connection:
        owner = connection.execute(select(artisan.c.id).where(artisan.c.rna_number == rna)).scalar()
        if owner is None:
            raise click.BadParameter("no artisan of that number", param_hint="--rna")
        try:
            news = record_claim(
                connection,
                maalem.words,
                owner,
                number,
                filed_on=filed_on or today,
                state=state,
                amount=amount,
                as_of=today,
                now=maalem.clock(),
            )
        except ClaimOfAnother:
            raise click.ClickException(f"claim {number} is another artisan's") from None
    click.echo(f"claim {number} is {state}" if news else f"claim {number}: nothing new")
