"""Prints what a command found: a table for people, JSON for programs.

Nothing is cut. In a pipe or file a table is as wide as it needs, a row a line. On a terminal that
is too narrow its prose is wrapped between words; where that does not do, each row is a block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

# The option of every command that shows something.
JSON = click.option("--json", "as_json", is_flag=True, help="for programs")

_FIGURE = re.compile(r"[-+]?[\d., ]*(?:%| s)?")
# Prose is not wrapped into columns narrower than this.
_NARROWEST_PROSE = 16
_ENDLESS = 100_000


def print_json(shown: object) -> None:
    """Prints one line of JSON; days and moments in ISO 8601, what is no JSON as its text."""
    click.echo(json.dumps(shown, ensure_ascii=False, default=str))


def print_rows(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    prose: Collection[str] = (),
    footer: Sequence[str] = (),
    title: str = "",
) -> None:
    """Prints rows under headings. Columns named in `prose` may be wrapped between words."""
    # Read by who draws a table alone: most commands print a line.
    from rich.console import Console

    lines = [[" ".join(cell.split()) for cell in row] for row in (*rows, footer) if row]
    console = Console()
    if title:
        click.echo(title)
    on_terminal = console.is_terminal
    table = _make_table(headings, lines, prose if on_terminal else (), bool(footer))
    needed = console.measure(table, options=console.options.update(max_width=_ENDLESS))
    if not on_terminal:
        table.box, console.width = None, max(1, needed.maximum)
    if needed.minimum <= console.width:
        console.print(table)
    else:
        _print_blocks(headings, lines)


def _make_table(
    headings: Sequence[str],
    lines: Sequence[Sequence[str]],
    prose: Collection[str],
    has_footer: bool,
) -> Table:
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, heading in enumerate(headings):
        cells = [line[position] for line in lines]
        figures = all(map(_FIGURE.fullmatch, cells))
        wraps = heading in prose
        table.add_column(
            Text(heading),
            justify="right" if figures and lines else "left",
            no_wrap=not wraps,
            # Left to itself rich takes the longest word of a cell for its least width, and cuts.
            min_width=_NARROWEST_PROSE if wraps else max(map(cell_len, (heading, *cells))),
        )
    for number, line in enumerate(lines, 1):
        # Text, not str: a name with brackets is no markup.
        table.add_row(*map(Text, line), end_section=has_footer and number == len(lines) - 1)
    return table


def _print_blocks(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    width = max(map(len, headings))
    for number, line in enumerate(lines):
        if number:
            click.echo()
        for heading, cell in zip(headings, line, strict=True):
            click.echo(f"{heading:<{width}}  {cell}".rstrip())
