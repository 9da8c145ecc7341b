"""`flask assistance`: the help desk's queue of requests."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.table import Table

from app.assistance.errors import NoSuchRequest
from app.assistance.service import look_at_waiting, move_request
from app.base.clock import local
from app.cli.acting import BY, acting


@click.group()
def assistance() -> None:
    """Requests for help."""


@assistance.command("list")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 1000))
@BY
@with_appcontext
def list_command(most: int, by: str | None) -> None:
    """Lists the requests that wait, oldest first: phone, language and subject."""
    with acting(by) as change:
        waiting = look_at_waiting(change, most)
    table = Table("reference", "asked", "phone", "language", "kind", "topic", "state")
    for row in waiting:
        request = row.request
        asked_at = f"{local(request.asked_at):%d/%m %H:%M}"
        # The desk has to call, so the number is written out here and nowhere else.
        contact = asked_at, row.phone.e164, row.language
        table.add_row(request.reference, *contact, request.kind, request.topic, request.state)
    Console().print(table)


@assistance.command()
@click.argument("reference")
@BY
@with_appcontext
def take(reference: str, by: str | None) -> None:
    """Marks request REFERENCE as taken by the desk, which the person sees."""
    _move(reference, "taken", by)


@assistance.command()
@click.argument("reference")
@BY
@with_appcontext
def done(reference: str, by: str | None) -> None:
    """Marks request REFERENCE as settled."""
    _move(reference, "done", by)


def _move(reference: str, state: str, by: str | None) -> None:
    try:
        with acting(by) as change:
            move_request(change, reference, state)
    except NoSuchRequest:
        raise click.ClickException(f"no request {reference} that could be {state}") from None
    click.echo(f"request {reference} is {state}")
