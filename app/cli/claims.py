"""`flask claims`: records CNSS's decisions on reimbursements."""

from __future__ import annotations

from datetime import date

import click
from flask.cli import with_appcontext

from app.base.clock import local_date
from app.base.money import Money
from app.claims.errors import ClaimOfAnother
from app.claims.models import STATES
from app.claims.service import ClaimWord, record_claim
from app.cli.acting import BY, acting
from app.cli.days import DayParam
from app.cli.options import DirhamsParam, read_rna
from app.enrolment.numbers import find_numbered_artisan
from app.runtime import runtime


@click.group()
def claims() -> None:
    """Reimbursements."""


@claims.command("record")
@click.argument("number")
@click.option("--rna", required=True, callback=read_rna, help="the artisan's RNA number")
@click.option("--state", required=True, type=click.Choice(STATES))
@click.option("--amount", type=DirhamsParam(Money(1)), help="once CNSS has decided")
@click.option("--filed-on", type=DayParam(), help="today when left out")
@BY
@with_appcontext
def record_command(
    number: str,
    rna: str,
    state: str,
    amount: Money | None,
    filed_on: date | None,
    by: str | None,
) -> None:
    """Records CNSS's word on claim NUMBER; the artisan of a ready claim gets one SMS."""
    if state in {"ready", "paid"} and not amount:
        raise click.UsageError(f"{state} needs --amount")
    maalem = runtime()
    today = local_date(maalem.clock())
    with acting(by) as change:
        owner = find_numbered_artisan(change.connection, rna)
        if owner is None:
            raise click.BadParameter("no artisan of that number", param_hint="--rna")
        word = ClaimWord(
            artisan_id=owner,
            number=number,
            filed_on=filed_on or today,
            state=state,
            amount=amount,
            as_of=today,
        )
        try:
            changed = record_claim(change, maalem.services, word)
        except ClaimOfAnother:
            raise click.ClickException(f"claim {number} is another artisan's") from None
    click.echo(f"claim {number} is {state}" if changed else f"claim {number}: nothing new")
