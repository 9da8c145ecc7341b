"""`flask assistance`: the help desk's queue of requests."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.assistance.errors import NoSuchRequest
from app.assistance.models import help_request
from app.assistance.queries import WaitingRequest
from app.assistance.rules import OUTCOMES
from app.assistance.service import look_at_waiting, move_request
from app.base.clock import local
from app.cli.acting import BY, OwnRow, acting, operation_of, sign_in_actor
from app.cli.tables import JSON, print_json, print_rows
from app.office.rights import Right


@click.group()
def assistance() -> None:
    """Requests for help."""


@assistance.command("list")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 1000))
@JSON
@BY
@with_appcontext
def list_command(most: int, as_json: bool, by: str | None) -> None:
    """Lists the requests that wait, oldest first: phone, language and subject."""
    actor = sign_in_actor(by, Right.SEE_REQUESTS)
    with operation_of(actor) as change:
        waiting = look_at_waiting(change, most, actor.own(help_request))
    if as_json:
        print_json([_describe(row) for row in waiting])
        return
    print_rows(
        ("reference", "asked", "phone", "language", "kind", "topic", "state"),
        map(_list_cells, waiting),
    )


def _list_cells(row: WaitingRequest) -> tuple[str, ...]:
    reference, _, *others = _describe(row).values()
    return reference, f"{local(row.request.asked_at):%d/%m %H:%M}", *others


def _describe(row: WaitingRequest) -> dict[str, str]:
    """Returns a request that waits; the desk has to call, so its phone is written out."""
    request = row.request
    return {
        "reference": request.reference,
        "asked_at": local(request.asked_at).isoformat(timespec="seconds"),
        "phone": row.phone.e164,
        "language": row.language,
        "kind": request.kind,
        "topic": request.topic,
        "state": request.state,
    }


@assistance.command()
@click.argument("reference")
@BY
@with_appcontext
def take(reference: str, by: str | None) -> None:
    """Marks request REFERENCE as taken by the desk, which the person sees."""
    _move(reference, "taken", by)


@assistance.command()
@click.argument("reference")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="how it ended")
@BY
@with_appcontext
def done(reference: str, outcome: str | None, by: str | None) -> None:
    """Marks request REFERENCE as settled."""
    _move(reference, "done", by, outcome)


def _move(reference: str, state: str, by: str | None, outcome: str | None = None) -> None:
    asked = OwnRow(help_request, reference, help_request.c.reference)
    try:
        with acting(by, Right.ANSWER_REQUESTS, rows=(asked,)) as change:
            move_request(change, reference, state, outcome)
    except NoSuchRequest:
        raise click.ClickException(f"no request {reference} that could be {state}") from None
    click.echo(f"request {reference} is {state}")
