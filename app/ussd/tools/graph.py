"""Draws a menu as Mermaid flowcharts, straight from the checked screens."""

from collections import Counter
from collections.abc import Collection, Iterator

from app.ussd.menu import Menu, Screen

_SHAPES = {"do": ("[[", "]]"), "end": ("((", "))"), "input": ("[/", "/]"), "secret": ("[/", "/]")}

# Lines of the longest chart that is still read at one look.
_LONGEST_CHART = 120

_PAGE_HEAD = """\
# Charts of the menus

One for each entry: where a talk begins, a main menu, each choice of it, and what several of these
share where a chart would be too long. Actions stand in double boxes, inputs in slanted ones; a
rounded box has a chart of its own. Made by `flask menus graph --page > docs/menu-charts.md`; one
alone is `flask menus graph look_at_dues`.
"""


def draw_mermaid(menu: Menu) -> str:
    """Returns the whole menu: actions in double boxes, inputs slanted, choices on arrows."""
    return "\n".join(["flowchart LR", *_draw_screens(menu.screens.values())])


def draw_entry(menu: Menu, entry: str) -> str:
    """Returns the chart of what `entry` leads to, up to where another entry begins.

    Another entry is a rounded box, which has a chart of its own.
    """
    return "\n".join(_draw_lines(menu, entry, {name for _, name in list_entries(menu)}))


def _draw_lines(menu: Menu, entry: str, entries: Collection[str]) -> list[str]:
    own, others = _reach(menu, entry, entries)
    rounded = [f"  {name}([{name}])" for name in others]
    return ["flowchart LR", *_draw_screens(map(menu.screens.__getitem__, own)), *rounded]


def draw_page(menu: Menu) -> str:
    """Returns the page docs/menu-charts.md: a chart for each entry."""
    charts = []
    for way, name in list_entries(menu):
        title = f"`{name}`" if way == name else f"{way}: `{name}`"
        charts.append(f"## {title}\n\n```mermaid\n{draw_entry(menu, name)}\n```\n")
    return "\n".join([_PAGE_HEAD, *charts])


def list_entries(menu: Menu) -> list[tuple[str, str]]:
    """Lists way and screen of each entry: where talks begin, main menus, and their choices.

    A way is the digits typed at a main menu (`5.2`), or else the screen's own name.
    A main menu's choice that is a menu again is taken apart once more. While a chart is too long,
    the largest part that several entries share is an entry too.
    """
    homes = [screen for screen in menu.screens.values() if screen.home]
    entries = {name: name for name in (*menu.entrances, *(home.name for home in homes))}
    for home in homes:
        for way, target in _list_choices(menu, home):
            entries.setdefault(target, f"{home.name} {way}")
    while any(len(_draw_lines(menu, name, entries)) > _LONGEST_CHART for name in entries):
        part = _find_largest_shared(menu, entries)
        if part is None:
            break
        entries[part] = part
    return [(way, name) for name, way in entries.items()]


def _find_largest_shared(menu: Menu, entries: Collection[str]) -> str | None:
    """Returns the screen, led to by several entries, whose own chart would be the longest."""
    reached = Counter(name for entry in entries for name in _reach(menu, entry, entries)[0][1:])
    shared = [name for name, times in reached.items() if times > 1]
    return max(shared, key=lambda name: len(_draw_lines(menu, name, entries)), default=None)


def _list_choices(menu: Menu, home: Screen) -> Iterator[tuple[str, str]]:
    for choice in home.choices:
        yield choice.digit, choice.target
        below = menu.screens.get(choice.target)
        if below and below.kind == "menu" and not below.home:
            for further in below.choices:
                yield f"{choice.digit}.{further.digit}", further.target


def _reach(menu: Menu, entry: str, entries: Collection[str]) -> tuple[list[str], list[str]]:
    """Returns the screens that `entry` leads to, nearest first, and the entries behind them."""
    own, others, waiting = [entry], [], list(menu.screens[entry].targets)
    while waiting:
        name = waiting.pop(0)
        if name in own or name in others:
            continue
        if name in entries:
            others.append(name)
        else:
            own.append(name)
            waiting += menu.screens[name].targets
    return own, others


def _draw_screens(screens: Collection[Screen] | Iterator[Screen]) -> Iterator[str]:
    for screen in screens:
        left, right = _SHAPES.get(screen.kind, ("[", "]"))
        yield f"  {screen.name}{left}{screen.name}{right}"
        yield from (f"  {screen.name} -->|{word}| {to}" for word, to in _arrows_from(screen))


def _arrows_from(screen: Screen) -> list[tuple[str, str]]:
    arrows = [(choice.digit, choice.target) for choice in screen.choices]
    arrows += list((screen.outcomes or {}).items())
    if screen.target:
        arrows.append((screen.keep, screen.target))
    return arrows
