"""`flask wafacash match`: compares the agent network's day with ours."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask.cli import with_appcontext

from app.base.money import ZERO, Money
from app.base.operation import operation
from app.cli.options import OPERATOR, DirhamsParam
from app.reconciliation.errors import FileRefused
from app.reconciliation.service import SettlementFile, match_file
from app.runtime import runtime


@click.group()
def wafacash() -> None:
    """The agent network's settlement."""


@wafacash.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--network", default="wafacash", show_default=True)
@click.option(
    "--total", type=DirhamsParam(ZERO), help="what was paid, as the network told beside the file"
)
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def match(file: Path, network: str, total: Money | None, as_json: bool) -> None:
    """Matches the settlement FILE of a day; `flask breaks list` names what does not agree."""
    maalem = runtime()
    try:
        with operation(maalem.database, maalem.clock(), OPERATOR) as change:
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
