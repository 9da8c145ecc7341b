"""`flask claims`: records CNSS's decisions on reimbursements."""

from __future__ import annotations

from datetime import date

import click
from flask.cli import with_appcontext

from app.base.errors import InvalidInput
from app.base.money import Money
from app.claims.desk import ClaimEntry, record_claim_of
from app.claims.errors import ClaimOfAnother
from app.claims.models import STATES
from app.cli.acting import BY, acting
from app.cli.days import DayParam
from app.cli.options import DirhamsParam, read_rna
from app.office.rights import Right
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
    entry = ClaimEntry(number, rna, state, amount, filed_on)
    with acting(by, Right.POST_AT_CNSS) as change:
        try:
            changed = record_claim_of(change, runtime().services, entry)
        except ClaimOfAnother:
            raise click.ClickException(f"claim {number} is another artisan's") from None
        except InvalidInput as error:
            if error.params["what"] == "rna":
                raise click.BadParameter("no artisan of that number", param_hint="--rna") from None
            raise
    click.echo(f"claim {number} is {state}" if changed else f"claim {number}: nothing new")
