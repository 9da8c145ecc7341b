"""`flask menus`: checks, draws, shows and compares what artisans see."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from app.runtime import MENU_FILES, runtime
from app.settings import ROOT
from app.text.words import Words
from app.ussd.checker.check import find_faults
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.menu import BrokenMenu, Fault, Menu, load_menu
from app.ussd.tools.difference import find_differences, find_word_differences
from app.ussd.tools.graph import draw_mermaid
from app.ussd.tools.portrait import describe_screen


@click.group()
def menus() -> None:
    """The menus and their words."""


@menus.command()
@with_appcontext
def check() -> None:
    """Checks every screen in every language; fails naming screen, language and cause."""
    maalem = runtime()
    try:
        faults = find_faults(maalem.ussd, maalem.declarations, maalem.limits)
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
    click.echo(draw_mermaid(runtime().ussd.menu))


@menus.command()
@click.argument("screen")
@click.option("--gateway", default="africastalking", show_default=True)
@with_appcontext
def show(screen: str, gateway: str) -> None:
    """Prints SCREEN: its ways, its words in every language with their lengths, its code."""
    maalem = runtime()
    if screen not in maalem.ussd.menu.screens:
        raise click.BadParameter(f"there is no screen {screen}", param_hint="SCREEN")
    if gateway not in maalem.limits:
        raise click.BadParameter(f"one of {', '.join(maalem.limits)}", param_hint="--gateway")
    worst = FilledMenu(maalem.ussd, maalem.samples)
    for line in describe_screen(worst, screen, maalem.limits[gateway], ROOT):
        click.echo(line)


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@menus.command()
@click.argument("before", type=_FOLDER)
@click.argument("after", type=_FOLDER)
def diff(before: Path, after: Path) -> None:
    """Says in words what differs between the menu folders BEFORE and AFTER."""
    (old, old_words), (new, new_words) = _read(before), _read(after)
    lines = [*find_differences(old, new), *find_word_differences(old_words, new_words)]
    for line in lines or ["no difference"]:
        click.echo(line)


def _read(folder: Path) -> tuple[Menu, Words]:
    files = [folder / name for name in MENU_FILES if (folder / name).exists()]
    if not files:
        raise click.ClickException(f"{folder} holds none of {', '.join(MENU_FILES)}")
    try:
        return load_menu(*files), Words.load(folder / "locales")
    except BrokenMenu as broken:
        raise click.ClickException(f"{folder}: {broken}") from None
