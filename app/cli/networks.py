"""`flask networks`: the agent networks that collect the cash, and their days against ours."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import true

from app.agents.models import agent_network
from app.agents.networks import DEFAULT_NETWORK, AgentNetwork, add_network, list_networks
from app.base.clock import local
from app.base.counts import write_count
from app.base.database import reading
from app.base.money import ZERO, Money
from app.base.operation import Operation
from app.cli.acting import BY, OwnRow, acting
from app.cli.marks import MARK, check_mark, mark_of
from app.cli.options import ENCODING, NUMBER, WHY, DirhamsParam, show_note
from app.cli.tables import JSON, print_json, print_rows
from app.files.errors import FileRefused
from app.office.rights import Right
from app.reconciliation.errors import FileUnknown
from app.reconciliation.models import settlement_file
from app.reconciliation.network_formats import FORMATS
from app.reconciliation.service import SettlementFile, match_file
from app.reconciliation.withdrawals import (
    SETTLEMENT_SORTING,
    ListedFile,
    approve_withdrawal,
    find_file,
    list_files,
    propose_withdrawal,
)
from app.runtime import runtime


@click.group()
def networks() -> None:
    """Agent networks, who collect the cash."""


@networks.command()
@click.argument("name")
@click.option("--shown", required=True, help="the name on phones and receipts, up to 20 letters")
@click.option(
    "--format",
    "file_format",
    required=True,
    type=click.Choice(sorted(FORMATS)),
    help="how its settlement files are written",
)
@BY
@with_appcontext
def add(name: str, shown: str, file_format: str, by: str | None) -> None:
    """Adds the network NAME. Phones name it within a minute."""
    maalem = runtime()
    with acting(by, Right.RUN_SERVICE) as change:
        if not add_network(change, AgentNetwork(name, shown, file_format)):
            raise click.ClickException(f"{name} is there already")
    maalem.network_names.forget()
    click.echo(f"network {name}")


@networks.command("list")
@JSON
@with_appcontext
def list_command(as_json: bool) -> None:
    """Lists every network, its shown name and the format of its files."""
    with reading(runtime().database) as connection:
        listed = list_networks(connection)
    if as_json:
        print_json([{field: getattr(one, field) for field in one.__slots__} for one in listed])
        return
    print_rows(
        ("network", "shown as", "format", "other amounts"),
        (
            (one.code, one.shown_name, one.file_format, "allowed" if one.other_amounts else "")
            for one in listed
        ),
        prose=("shown as",),
    )


def _match(given: SettlementFile, as_json: bool, by: str | None) -> None:
    """Matches the settlement FILE of a day; `flask breaks list` names what does not agree."""
    try:
        with acting(
            by, Right.RESOLVE_BREAKS, rows=(OwnRow(agent_network, given.network, only_seen=True),)
        ) as change:
            report = match_file(change, given)
    except FileRefused as refused:
        where = f"line {refused.params['line']}: " if refused.params["line"] else ""
        raise click.ClickException(
            f"{given.path.name}: {where}{refused.params['why']}; nothing was taken"
        ) from None
    for note in report.notes:
        show_note(note)
    if as_json:
        print_json(report.counts)
        return
    again = "" if report.new else ", as before"
    lines = write_count(report.lines, "line")
    click.echo(
        f"{given.path.name}, file {report.number}, day {report.day}{again}: {lines},"
        f" {report.paid} dirhams paid"
    )
    for kind, count in report.counts.items():
        # What the file does not tell has no line.
        what = "deposit" if kind == "missing_there" else "line"
        click.echo(f"  {count:>8} {what + 's' * (count != 1):<8} {kind}")


def _name_file(
    network: str, file: Path, total: Money | None, encoding: str | None
) -> SettlementFile:
    return SettlementFile(file, network, total, encoding)


_FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_TOTAL = click.option(
    "--total", type=DirhamsParam(ZERO), help="what was paid, as the network told beside the file"
)


@networks.command("match", help=_match.__doc__)
@click.argument("name")
@_FILE
@_TOTAL
@ENCODING
@JSON
@BY
@with_appcontext
def match(name: str, as_json: bool, by: str | None, **given: Any) -> None:
    """Matches the settlement FILE of a day of the network NAME."""
    _match(_name_file(name, **given), as_json, by)


@networks.command("files")
@click.argument("name")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 10_000))
@JSON
@with_appcontext
def files_command(name: str, most: int, as_json: bool) -> None:
    """Lists the settlement files of the network NAME, newest first."""
    with reading(runtime().database) as connection:
        listed = list_files(connection, name, SETTLEMENT_SORTING.first(most)).rows
    if as_json:
        rows = [{field: getattr(one, field) for field in one.__slots__} for one in listed]
        print_json(rows)
        return
    print_rows(
        ("number", "file", "days", "lines", "taken", "withdrawal"),
        map(_list_file_cells, listed),
        prose=("days", "withdrawal"),
    )


def _list_file_cells(one: ListedFile) -> tuple[str, ...]:
    days = f"{one.day}" if one.first_day == one.day else f"{one.first_day} to {one.day}"
    names = " + ".join(filter(None, (one.asked_by, one.first_approved_by, one.withdrawn_by)))
    taken = f"{local(one.matched_at):%d/%m/%Y %H:%M}"
    return str(one.number), one.name, days, str(one.lines), taken, names


@networks.command()
@click.argument("number", type=NUMBER)
@BY
@WHY
@with_appcontext
def withdraw(number: int, by: str | None, reason: str) -> None:
    """Asks to withdraw the settlement file NUMBER; a second person has to agree."""
    with acting(by, Right.RESOLVE_BREAKS, rows=(OwnRow(settlement_file, number),)) as change:
        propose_withdrawal(change, number, reason)
    mark = mark_of(change.now)
    click.echo(f"file {number}: its withdrawal waits for a second person, mark {mark}")


@networks.command("approve-withdrawal")
@click.argument("number", type=NUMBER)
@MARK
@BY
@with_appcontext
def approve_withdrawal_command(number: int, mark: str | None, by: str | None) -> None:
    """Withdraws the settlement file NUMBER, as a second person.

    A file of a large amount waits for one more person: TWO_APPROVERS_FROM_DIRHAMS.
    """
    two_from = runtime().services.two_approvers_from
    with acting(by, Right.RESOLVE_BREAKS, rows=(OwnRow(settlement_file, number),)) as change:
        asked_at = _read_withdrawal(change, number, mark)
        done = approve_withdrawal(change, number, two_from, asked_at)
    if done is None:
        click.echo(
            f"file {number} is of {two_from} dirhams or more:"
            f" approved by {change.actor}, one more person has to approve"
        )
        return
    click.echo(
        f"file {number} is withdrawn: {write_count(done.untold, 'payment')} told no more,"
        f" {done.changed} as other files tell them"
    )


def _read_withdrawal(change: Operation, number: int, mark: str | None) -> datetime:
    """Returns the moment of the request with the mark. Raises: FileUnknown, ProposalChanged."""
    found = find_file(change.connection, true(), number)
    if found is None or found.asked_at is None:
        raise FileUnknown(number=number)
    names = ("network", "name", "lines", "asked_by", "reason")
    check_mark(mark, found.asked_at, {name: getattr(found, name) for name in names})
    return found.asked_at


@click.group()
def wafacash() -> None:
    """The agent network's settlement."""


@wafacash.command("match", help=_match.__doc__)
@_FILE
@click.option("--network", default=DEFAULT_NETWORK, show_default=True)
@_TOTAL
@ENCODING
@JSON
@BY
@with_appcontext
def match_first(network: str, as_json: bool, by: str | None, **given: Any) -> None:
    """Matches a FILE of the first network: the command that operators' scripts call."""
    _match(_name_file(network, **given), as_json, by)
