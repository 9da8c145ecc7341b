"""`flask talks`: lists recorded talks, and prints one as a story that tests can play."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click
import yaml
from flask.cli import with_appcontext

from app.base.clock import local
from app.base.database import reading
from app.cli.tables import JSON, print_json, print_rows
from app.observe.talks import RecordedHop, get_hops, list_dialogues
from app.runtime import runtime
from app.ussd.menu import Menu

_MOST = 50


@click.group()
def talks() -> None:
    """Recorded talks, without phone numbers and names."""


@talks.command("list")
@click.option("--days", default=1, show_default=True, type=click.IntRange(1, 366))
@JSON
@with_appcontext
def list_command(days: int, as_json: bool) -> None:
    """Lists the newest talks: their time, gateway, hops and last screen."""
    maalem = runtime()
    with reading(maalem.database) as connection:
        newest = list_dialogues(connection, maalem.clock() - timedelta(days=days), _MOST)
    if as_json:
        print_json([asdict(talk) for talk in newest])
        return
    print_rows(
        ("session", "began", "gateway", "language", "hops", "screen", "how"),
        (
            (
                talk.session,
                f"{local(talk.began):%d/%m %H:%M}",
                talk.gateway,
                talk.language,
                str(talk.hops),
                talk.screen,
                talk.how,
            )
            for talk in newest
        ),
    )


@talks.command()
@click.argument("session")
@click.option("--phone", default="+212600000001", show_default=True, help="the sample person")
@with_appcontext
def record(session: str, phone: str) -> None:
    """Prints SESSION as a file for tests/talks: what was typed, and the screens it led to.

    What was personal is there by its kind only, as <rna_number>; the player types the sample
    person's own.
    """
    maalem = runtime()
    with reading(maalem.database) as connection:
        try:
            hops = get_hops(connection, session)
        except LookupError:
            raise click.ClickException(f"no talk {session} is kept: `flask talks list`") from None
    if hops[0].how != "dialled":
        raise click.ClickException(f"{session} took up another talk, whose beginning is not in it")
    story = {f"recorded_{session}": _write_story(hops, maalem.ussd.menu)}
    body = {"phone": phone, "language": hops[0].language, "one_language": True, "stories": story}
    click.echo(yaml.safe_dump(body, allow_unicode=True, sort_keys=False), nl=False)


def _write_story(hops: list[RecordedHop], menu: Menu) -> list[dict[str, Any]]:
    """Returns the steps, marked for a player that breaks the line and dials again.

    `changes`: something was done or help was offered, so the same chain does not lead there again.
    `steady`: nothing can be taken up there, or a wrong answer counts with those before it.
    """
    story: list[dict[str, Any]] = []
    done = False
    for hop in hops:
        steps, screen = _list_steps(hop), menu.screens.get(hop.screen)
        home = bool(screen and screen.home)
        done |= hop.screen == menu.help or bool(screen and screen.clears_history)
        done |= home and _came_by_action(hop)
        if done:
            steps[-1]["changes"] = True
        if hop.how == "wrong" or (home and hop.how != "dialled"):
            steps[-1]["steady"] = True
        story += steps
    return story


def _came_by_action(hop: RecordedHop) -> bool:
    """True if an answer led there: not dialling alone, and not 0 or 00."""
    return hop.how == "answered" or (hop.how == "dialled" and bool(hop.inputs))


def _replayable_input(typed: str) -> str:
    """Returns a placeholder for an input recorded only by kind; it cannot be replayed."""
    return "?" if typed.startswith("<") else typed


def _list_steps(hop: RecordedHop) -> list[dict[str, Any]]:
    """Returns the hop's inputs, one a step; the last names the screen it led to."""
    if hop.how == "dialled":
        steps: list[dict[str, Any]] = [{"dial": hop.inputs}]
    else:
        steps = [{"answer": typed} for typed in hop.inputs.split("*")]
    steps[-1]["screen"] = hop.screen
    if hop.how == "wrong":
        steps[-1] |= {"answer": _replayable_input(steps[-1].get("answer", "")), "wrong": True}
    if not hop.more:
        steps[-1]["ends"] = True
    return steps
