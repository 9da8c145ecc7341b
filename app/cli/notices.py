"""Official notices: the commands that publish one and take it away (`flask notices`)."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

from app.cli.acting import BY, acting
from app.notices.rules import read_notice
from app.notices.service import publish_notice, withdraw_notice
from app.office.rights import Right


@click.group()
def notices() -> None:
    """Official notices."""


@notices.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@BY
@with_appcontext
def publish(file: Path, by: str | None) -> None:
    """Publishes the YAML FILE: name, until, and title and text in every language.

    app/notices/sample_notice.yaml shows one.
    """
    notice = read_notice(file.read_bytes())
    with acting(by, Right.SEND_NOTICES) as change:
        publish_notice(change, notice)
    click.echo(f"notice {notice.name} is published until {notice.until}")


@notices.command()
@click.argument("name")
@BY
@with_appcontext
def withdraw(name: str, by: str | None) -> None:
    """Takes the notice NAME away."""
    with acting(by, Right.SEND_NOTICES) as change:
        if not withdraw_notice(change, name):
            raise click.ClickException(f"no notice {name}")
    click.echo(f"notice {name} is withdrawn")
