"""Writes published figures as CSV and XLSX: long, a row a figure, a hidden one empty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, TextIO

from app.base.csv_writing import write_rows
from app.figures.queries import HEADER, PublishedFigure

# Widths of the columns, in letters.
_WIDTHS = (10, 12, 32, 32, 14)


def write_csv(file: TextIO, figures: Iterable[PublishedFigure]) -> None:
    """Writes the figures as CSV with a header."""
    write_rows(file, [HEADER])
    write_rows(file, (one.list_cells() for one in figures))


def write_xlsx(file: BinaryIO, figures: Iterable[PublishedFigure]) -> None:
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
