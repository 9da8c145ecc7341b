"""`flask menus`: checks, draws, shows and compares what artisans see."""

from dataclasses import asdict
from pathlib import Path

import click
from babel.messages.pofile import PoFileError
from flask.cli import with_appcontext

from app.base.clock import local_date
from app.base.counts import write_count
from app.cli.menu_folders import FOLDER, MENUS_OPTION, lay_menus, use_menus
from app.cli.tables import JSON, print_json
from app.messaging.prices import price_on, read_prices
from app.runtime import MENU_FILES, MENUS, runtime
from app.settings import ROOT
from app.text.languages import LANGUAGES
from app.text.words import Words
from app.ussd.checker.check import find_faults
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.menu import BrokenMenu, Fault, Menu, load_menu
from app.ussd.tools.comments import Comments
from app.ussd.tools.difference import find_differences, find_word_differences
from app.ussd.tools.graph import draw_entry, draw_mermaid, draw_page
from app.ussd.tools.inputs import count_all, draw_table, load_errands
from app.ussd.tools.places import Places
from app.ussd.tools.portrait import describe_screen
from app.ussd.tools.room import Room
from app.ussd.tools.sentence_portrait import SentencePortrait
from app.ussd.tools.sheet import Sheet, write_csv, write_html


@click.group()
def menus() -> None:
    """The menus and their words."""


@menus.command()
@MENUS_OPTION
@JSON
@with_appcontext
def check(folder: Path | None, as_json: bool) -> None:
    """Checks every screen in every language; fails naming screen, language and cause."""
    maalem = runtime()
    try:
        lay_menus(folder)
        faults = find_faults(maalem.ussd, maalem.declarations, maalem.limits)
    except BrokenMenu as broken:
        faults = [Fault(broken.params["screen"], "-", broken.params["why"])]
    except (PoFileError, ValueError) as error:
        faults = [Fault("locales", "-", str(error))]
    if as_json:
        print_json({"faults": [asdict(fault) for fault in faults], "ok": not faults})
    else:
        for fault in faults:
            click.echo(str(fault), err=True)
    if faults:
        raise SystemExit(1)
    screens, languages = len(maalem.ussd.menu.screens), len(maalem.words.languages)
    if not as_json:
        click.echo(f"{write_count(screens, 'screen')} right in {languages} languages")


@menus.command()
@click.argument("entry", required=False)
@click.option("--page", is_flag=True, help="the page docs/menu-charts.md: a chart for each entry")
@with_appcontext
def graph(entry: str | None, page: bool) -> None:
    """Prints as a Mermaid flowchart what the screen ENTRY leads to; left out, the whole menu."""
    menu = runtime().ussd.menu
    if entry is not None and entry not in menu.screens:
        raise click.BadParameter(f"there is no screen {entry}", param_hint="ENTRY")
    if entry is not None and page:
        raise click.UsageError("either ENTRY or --page")
    if page:
        click.echo(draw_page(menu), nl=False)
    else:
        click.echo(draw_entry(menu, entry) if entry else draw_mermaid(menu))


@menus.command()
@click.argument("key", metavar="SCREEN|SENTENCE")
@click.option("--gateway", default="africastalking", show_default=True)
@MENUS_OPTION
@JSON
@with_appcontext
def show(key: str, gateway: str, folder: Path | None, as_json: bool) -> None:
    """Prints a SCREEN: its ways, its words in every language with their lengths, its code.

    Of a SENTENCE (`sms.code`, `rights.open`) prints where it stands, and its words with everyday
    and worst values; of a message also its segments, and their price by provider.
    """
    use_menus(folder)
    maalem = runtime()
    if gateway not in maalem.limits:
        raise click.BadParameter(f"one of {', '.join(maalem.limits)}", param_hint="--gateway")
    if key in maalem.ussd.menu.screens:
        filled = FilledMenu(maalem.ussd, maalem.samples)
        lines = describe_screen(filled, key, maalem.limits[gateway], ROOT)
    else:
        prices, today = read_prices(), local_date(maalem.clock())
        by_provider = {provider: price_on(prices, provider, today) for provider in prices}
        places = Places(maalem.ussd.menu, maalem.words, maalem.declarations)
        portrait = SentencePortrait(maalem.words, maalem.declarations, places, by_provider)
        lines = portrait.describe(key)
    try:
        said = list(lines)
    except KeyError:
        why = f"there is no screen or sentence {key}"
        raise click.BadParameter(why, param_hint="SCREEN|SENTENCE") from None
    if as_json:
        print_json({"key": key, "lines": said})
    else:
        click.echo("\n".join(said))


@menus.command()
@click.argument("language", type=click.Choice(list(LANGUAGES)))
@click.option("--csv", "as_csv", is_flag=True, help="as CSV, for a spreadsheet")
@MENUS_OPTION
@JSON
@with_appcontext
def sheet(language: str, as_csv: bool, folder: Path | None, as_json: bool) -> None:
    """Prints a page for a native reader: every screen, message and sentence of LANGUAGE.

    They stand with everyday values beside the French ones, with room for remarks.
    """
    use_menus(folder)
    maalem = runtime()
    limits, code = maalem.limits["africastalking"], maalem.settings.ussd_code
    filled = FilledMenu(maalem.ussd, maalem.samples.everyday.dialled_by(code))
    rows = Sheet(filled, maalem.declarations, limits, language, code).list_rows()
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        click.echo(write_csv(rows) if as_csv else write_html(rows, language))


@menus.command()
@click.option("--check", is_flag=True, help="change nothing, and fail if a comment is not current")
@with_appcontext
def annotate(check: bool) -> None:
    """Writes above each sentence what translators need: the French, its place, the letters left."""
    maalem = runtime()
    filled = FilledMenu(maalem.ussd, maalem.samples.everyday)
    places = Places(maalem.ussd.menu, maalem.words, maalem.declarations)
    room = Room(filled, maalem.declarations, maalem.limits["africastalking"])
    stale = Comments(maalem.words, places, room).find_stale(maalem.menus_folder / "locales")
    for path, current in stale.items():
        if not check:
            path.write_text(current, "utf-8")
        click.echo(f"{path.parts[-3]}: {'not current' if check else 'written'}")
    if check and stale:
        raise SystemExit(1)


@menus.command()
@click.option("--gateway", default="africastalking", show_default=True)
@JSON
@with_appcontext
def inputs(gateway: str, as_json: bool) -> None:
    """Prints how many inputs each errand takes after the dialled code, in every language."""
    maalem = runtime()
    if gateway not in maalem.limits:
        raise click.BadParameter(f"one of {', '.join(maalem.limits)}", param_hint="--gateway")
    filled = FilledMenu(maalem.ussd, maalem.samples.everyday)
    errands = load_errands(MENUS / "errands.yaml", maalem.ussd.menu)
    counts = count_all(filled, errands, maalem.limits[gateway])
    if as_json:
        print_json(counts)
    else:
        click.echo("\n".join(draw_table(counts)))


@menus.command()
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER)
@JSON
def diff(before: Path, after: Path, as_json: bool) -> None:
    """Says in words what differs between the menu folders BEFORE and AFTER."""
    (old, old_words), (new, new_words) = _read(before), _read(after)
    lines = [*find_differences(old, new), *find_word_differences(old_words, new_words)]
    if as_json:
        print_json(lines)
        return
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
