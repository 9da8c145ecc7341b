"""Writes published figures as CSV and XLSX: long, a row a figure, a hidden one empty."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import chain
from typing import BinaryIO

from app.base.csv_writing import write_rows
from app.figures.queries import HEADER, PublishedFigure

FILE_FORMATS = ("csv", "xlsx")
# Widths of the columns, in letters.
_WIDTHS = (10, 12, 32, 32, 14)


def write_file(file_format: str, figures: Iterable[PublishedFigure]) -> bytes:
    """Returns the figures as a file of one of FILE_FORMATS."""
    if file_format == "csv":
        return write_csv(chain([HEADER], (one.list_cells() for one in figures)))
    file = io.BytesIO()
    _write_xlsx(file, figures)
    return file.getvalue()


def write_csv(rows: Iterable[Iterable[object]]) -> bytes:
    """Returns rows as CSV."""
    file = io.StringIO()
    write_rows(file, rows)
    return file.getvalue().encode()


def _write_xlsx(file: BinaryIO, figures: Iterable[PublishedFigure]) -> None:
    """Writes the figures as a workbook, row by row, without holding them all."""
    # It is needed for a file alone, and costs every process its start.
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet("figures")
        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for column, title in enumerate(HEADER):
            sheet.write_string(0, column, title, bold)
        for row, one in enumerate(figures, 1):
            for column, cell in enumerate(one.list_cells()):
                if isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif cell is not None:
                    sheet.write_number(row, column, cell)
