"""`flask networks`: the agent networks that collect the cash, and their days against ours."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.table import Table

from app.agents.networks import DEFAULT_NETWORK, AgentNetwork, add_network, list_networks
from app.base.database import reading
from app.base.money import ZERO, Money
from app.cli.acting import BY, acting
from app.cli.options import DirhamsParam
from app.reconciliation.errors import FileRefused
from app.reconciliation.network_formats import FORMATS
from app.reconciliation.service import SettlementFile, match_file
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
    with acting(by) as change:
        if not add_network(change, AgentNetwork(name, shown, file_format)):
            raise click.ClickException(f"{name} is there already")
    maalem.network_names.forget()
    click.echo(f"network {name}")


@networks.command("list")
@with_appcontext
def list_command() -> None:
    """Lists every network, its shown name and the format of its files."""
    table = Table("network", "shown as", "format", "other amounts")
    with reading(runtime().database) as connection:
        for network in list_networks(connection):
            other = "allowed" if network.other_amounts else ""
            table.add_row(network.code, network.shown_name, network.file_format, other)
    Console().print(table)


def _match(file: Path, network: str, total: Money | None, as_json: bool, by: str | None) -> None:
    """Matches the settlement FILE of a day; `flask breaks list` names what does not agree."""
    try:
        with acting(by) as change:
            report = match_file(change, SettlementFile(file, network, total))
    except FileRefused as refused:
        where = f"line {refused.params['line']}: " if refused.params["line"] else ""
        raise click.ClickException(
            f"{file.name}: {where}{refused.params['why']}; nothing was taken"
        ) from None
    if as_json:
        click.echo(json.dumps(report.counts))
        return
    again = "" if report.new else ", as before"
    click.echo(f"{file.name}, day {report.day}{again}")
    for kind, lines in report.counts.items():
        click.echo(f"  {lines:>8} {kind}")


_FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_TOTAL = click.option(
    "--total", type=DirhamsParam(ZERO), help="what was paid, as the network told beside the file"
)
_JSON = click.option("--json", "as_json", is_flag=True)


@networks.command("match", help=_match.__doc__)
@click.argument("name")
@_FILE
@_TOTAL
@_JSON
@BY
@with_appcontext
def match(name: str, file: Path, total: Money | None, as_json: bool, by: str | None) -> None:
    """Matches the settlement FILE of a day of the network NAME."""
    _match(file, name, total, as_json, by)


@click.group()
def wafacash() -> None:
    """The agent network's settlement."""


@wafacash.command("match", help=_match.__doc__)
@_FILE
@click.option("--network", default=DEFAULT_NETWORK, show_default=True)
@_TOTAL
@_JSON
@BY
@with_appcontext
def match_first(
    file: Path, network: str, total: Money | None, as_json: bool, by: str | None
) -> None:
    """Matches a FILE of the first network: the command that operators' scripts call."""
    _match(file, network, total, as_json, by)
