"""Prints a table as wide as it needs."""

from rich.console import Console
from rich.table import Table

_WIDEST = 500


def print_table(table: Table) -> None:
    """Prints a table without cutting a name; on a narrow terminal its lines wrap."""
    needed = Console(width=_WIDEST).measure(table).maximum
    Console(width=max(needed, Console().width)).print(table)
