"""`flask breaks`: lists differences in the books, and lets two people, or three, resolve each."""

from __future__ import annotations

from datetime import datetime

import click
from flask.cli import with_appcontext
from sqlalchemy import true

from app.agents.models import agent_network
from app.agents.networks import DEFAULT_NETWORK
from app.base.clock import local
from app.base.database import reading
from app.base.operation import Operation
from app.cli.acting import BY, OwnRow, acting
from app.cli.marks import MARK, check_mark, mark_of
from app.cli.options import NUMBER, WHY, read_rna
from app.cli.tables import JSON, print_json, print_rows
from app.ledger.break_lists import find_break
from app.ledger.break_queries import Break, list_breaks
from app.ledger.breaks import RESOLUTIONS, assign_break, propose_resolution, refuse_proposal
from app.ledger.errors import BreakUnknown
from app.ledger.models import BREAK_KINDS, reconciliation_break
from app.office.rights import Right
from app.payments.models import deposit
from app.reconciliation.lost_payments import write_code_of_break
from app.reconciliation.repetitions import close_repetitions
from app.reconciliation.resolutions import approve_resolution, propose_reversal
from app.runtime import runtime

# A network settles its own breaks, CNSS what it refused.
_SETTLES = (Right.RESOLVE_BREAKS, Right.POST_AT_CNSS)
_METHODS = sorted({way for ways in RESOLUTIONS.values() for way in ways})


@click.group()
def breaks() -> None:
    """Differences between our books, the networks' files and CNSS's answers."""


@breaks.command("list")
@click.option(
    "--kind",
    metavar="KIND",
    type=click.Choice(BREAK_KINDS),
    help=f"one of {', '.join(BREAK_KINDS)}",
)
@click.option("--ended", is_flag=True, help="those that ended, too")
@click.option("--most", default=200, show_default=True, type=click.IntRange(1, 100_000))
@JSON
@with_appcontext
def list_command(kind: str | None, ended: bool, most: int, as_json: bool) -> None:
    """Lists the breaks, oldest first: kind, age in days, owner, and how they may be settled."""
    maalem = runtime()
    with reading(maalem.database) as connection:
        listed = list_breaks(connection, kind, ended, most, maalem.clock())
    if as_json:
        print_json([row.as_json() for row in listed])
        return
    print_rows(
        ("id", "kind", "state", "days", "ours", "theirs", "receipt", "owner", "ways"),
        map(_list_cells, listed),
        prose=("owner", "ways"),
    )


def _name_break(number: int) -> tuple[OwnRow, ...]:
    return (OwnRow(reconciliation_break, number),)


def _list_cells(row: Break) -> tuple[str, ...]:
    amounts = ("" if amount is None else str(amount) for amount in (row.ours, row.theirs))
    ways = row.method or ", ".join(RESOLUTIONS[row.kind])
    return (
        str(row.id),
        row.kind,
        row.state,
        str(row.days),
        *amounts,
        row.receipt or "",
        row.owner or "",
        _say_ways(row, ways),
    )


def _say_ways(row: Break, ways: str) -> str:
    if row.state == "proposed" and row.first_approved_by:
        return f"{ways}, one more approval"
    return ways


@breaks.command()
@click.argument("number", type=NUMBER)
@BY
@with_appcontext
def own(number: int, by: str | None) -> None:
    """Makes who acts the owner of break NUMBER."""
    with acting(by, *_SETTLES, rows=_name_break(number)) as change:
        assign_break(change, number)
    click.echo(f"break {number} is {change.actor}'s")


@breaks.command("propose")
@click.argument("number", type=NUMBER)
@click.argument("method", type=click.Choice(_METHODS))
@BY
@WHY
@with_appcontext
def propose_command(number: int, method: str, by: str | None, reason: str) -> None:
    """Proposes how break NUMBER is to be settled; nothing is booked yet."""
    with acting(by, *_SETTLES, rows=_name_break(number)) as change:
        propose_resolution(change, number, method, reason)
    click.echo(f"break {number}: {method} waits for a second person, mark {mark_of(change.now)}")


@breaks.command("approve")
@click.argument("number", type=NUMBER)
@MARK
@BY
@with_appcontext
def approve_command(number: int, mark: str | None, by: str | None) -> None:
    """Approves the proposal for break NUMBER, as a second person, and books it.

    A large amount waits for one more person: TWO_APPROVERS_FROM_DIRHAMS.
    """
    maalem = runtime()
    with acting(by, *_SETTLES, rows=_name_break(number)) as change:
        proposed_at = _read_proposal(change, number, mark)
        outcome = approve_resolution(change, maalem.services, number, proposed_at)
    if outcome is None:
        from_amount = maalem.services.two_approvers_from
        click.echo(
            f"break {number} is of {from_amount} dirhams or more:"
            f" approved by {change.actor}, one more person has to approve"
        )
        return
    by_row = f"transaction {outcome.transaction_id}"
    if outcome.transaction_id is None:
        by_row = f"audit event {outcome.audit_event_id}: no money moved"
    click.echo(f"break {number} is resolved by {by_row}")


def _read_proposal(change: Operation, number: int, mark: str | None) -> datetime:
    """Returns the moment of the proposal with the mark. Raises: BreakUnknown, ProposalChanged."""
    found = find_break(change.connection, true(), number, BREAK_KINDS, change.now)
    if found is None or found.seen.state != "proposed" or found.proposed_at is None:
        raise BreakUnknown(id=number)
    seen = found.seen
    names = ("kind", "network", "code", "receipt", "ours", "theirs", "method", "proposed_by")
    told = {name: seen.as_json()[name] for name in names}
    check_mark(mark, found.proposed_at, told | {"reason": found.reason})
    return found.proposed_at


@breaks.command("refuse")
@click.argument("number", type=NUMBER)
@BY
@WHY
@with_appcontext
def refuse_command(number: int, by: str | None, reason: str) -> None:
    """Refuses the proposal for break NUMBER, or takes one's own back; nothing is booked."""
    with acting(by, *_SETTLES, rows=_name_break(number)) as change:
        refuse_proposal(change, number, reason)
    click.echo(f"break {number}: the proposal is refused")


@breaks.command("ask-reversal")
@click.argument("receipt")
@BY
@WHY
@with_appcontext
def ask_reversal_command(receipt: str, by: str | None, reason: str) -> None:
    """Asks to reverse a deposit of an earlier day; a second person approves the break."""
    maalem, paid = runtime(), OwnRow(deposit, receipt, only_seen=True)
    with acting(by, Right.RESOLVE_BREAKS, rows=(paid,)) as change:
        number = propose_reversal(change, receipt, reason)
    at = f"{local(maalem.clock()):%d/%m %H:%M}"
    click.echo(
        f"break {number}: reversal of {receipt} asked at {at}, waits for a second person,"
        f" mark {mark_of(change.now)}"
    )


@breaks.command("write-code")
@click.argument("number", type=NUMBER)
@click.option("--rna", callback=read_rna, help="whose code it was, if no provider's log says so")
@BY
@with_appcontext
def write_code_command(number: int, rna: str | None, by: str | None) -> None:
    """Writes the lost code of break NUMBER for its artisan, so that it can be confirmed late.

    The SMS provider's log says to whom it was told, else who paid says so, with the receipt; the
    months are those that come to the amount.
    """
    maalem = runtime()
    with acting(by, *_SETTLES, rows=_name_break(number)) as change:
        write_code_of_break(change, maalem.services, number, rna)
    click.echo(f"break {number}: the code is written; propose late_confirmation")


@breaks.command("close-repeated")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True)
@BY
@with_appcontext
def close_repeated_command(network: str, by: str | None) -> None:
    """Closes breaks that were opened only because a line of a file was told again.

    What such a break had charged to the network becomes a break `not_owed` for two people.
    """
    with acting(
        by, Right.RESOLVE_BREAKS, rows=(OwnRow(agent_network, network, only_seen=True),)
    ) as change:
        done = close_repetitions(change, network)
    click.echo(f"{len(done.closed)} breaks closed, {done.charged} charges to book back (not_owed)")
