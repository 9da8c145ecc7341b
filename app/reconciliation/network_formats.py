"""The formats of networks' settlement files, by the name that `flask networks add` gives.

To add a format, write a module beside network_file.py whose function yields SettlementLine, and add
a line below. Several networks may share a format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Protocol

from app.base.money import Money
from app.files.table import GivenFile
from app.reconciliation.network_file import SettlementLine, Summary, read_lines


class FileFormat(Protocol):
    """Yields the checked lines of a file and counts them in `summary`. Raises: FileRefused."""

    def __call__(
        self, file: GivenFile, summary: Summary, today: date, declared_total: Money | None = None
    ) -> Iterator[SettlementLine]: ...


FORMATS: Mapping[str, FileFormat] = {"wafacash": read_lines}
