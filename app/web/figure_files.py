"""Published figures as files: CSV, and XLSX whose cells are text or numbers and never formulas."""

from __future__ import annotations

import io
from collections.abc import Iterable

from flask import Response

from app.figures.files import write_csv, write_xlsx
from app.figures.queries import PublishedFigure

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def answer_csv(figures: Iterable[PublishedFigure], name: str) -> Response:
    """Answers with the figures as a CSV file."""
    file = io.StringIO()
    write_csv(file, figures)
    return answer_file(file.getvalue(), "text/csv; charset=utf-8", name)


def answer_xlsx(figures: Iterable[PublishedFigure], name: str) -> Response:
    """Answers with the figures as a workbook."""
    file = io.BytesIO()
    write_xlsx(file, figures)
    return answer_file(file.getvalue(), XLSX, name)


def answer_svg(svg: str, name: str) -> Response:
    """Answers with a picture, which a browser may keep: another picture has another address."""
    answer = answer_file(svg, "image/svg+xml", name)
    answer.headers["Content-Disposition"] = f'inline; filename="{name}"'
    answer.headers["Cache-Control"] = "private, max-age=86400"
    return answer


def answer_file(content: str | bytes, kind: str, name: str) -> Response:
    """Answers with a file to be kept under a name."""
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
