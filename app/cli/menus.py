"""`flask menus`: checks, draws and compares what artisans see."""

import click
from flask.cli import with_appcontext

from app.runtime import runtime
from app.ussd.check import find_faults
from app.ussd.graph import mermaid
from app.ussd.menu import BrokenMenu, Fault


@click.group()
def menus() -> None:
    """The menus and their words."""


@menus.command()
@with_appcontext
def check() -> None:
    """Fails naming screen, language and cause unless every screen is right in every language."""
    maalem = runtime()
    try:
        faults = find_faults(maalem.ussd, maalem.samples)
    except BrokenMenu as broken:
        faults = [Fault(broken.params["screen"], "-", broken.params["why"])]
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        raise SystemExit(1)
    screens, languages = len(maalem.ussd.menu.screens), len(maalem.words.languages)
    click.echo(f"{screens} screens right in {languages} languages")


@menus.command()
@with_appcontext
def graph() -> None:
    """Prints the menus as a Mermaid flowchart."""
    click.echo(mermaid(runtime().ussd.menu))
