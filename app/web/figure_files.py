"""Answers with figures as files: CSV, XLSX and pictures."""

from __future__ import annotations

from flask import Response

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "svg": "image/svg+xml",
}


def answer_picture(svg: str, name: str) -> Response:
    """Answers with a picture, which a browser may keep: another picture has another address."""
    answer = answer_file(svg.encode(), name, "svg")
    answer.headers["Content-Disposition"] = f'inline; filename="{name}.svg"'
    answer.headers["Cache-Control"] = "private, max-age=86400"
    return answer


def answer_file(content: bytes, name: str, file_format: str) -> Response:
    """Answers with a file to be kept under a name, to which the format's ending comes."""
    answer = Response(content, content_type=_TYPES[file_format])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{file_format}"'
    return answer
