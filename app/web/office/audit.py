"""The audit for whoever controls: every act, approvals with both names, looks, and rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO

from flask import Response, request

from app.audit.lists import AuditQuery, AuditRow, list_audit_page
from app.base.csv_writing import write_rows
from app.office.queries import list_office_user_page
from app.office.rights import RIGHTS, Right
from app.runtime import runtime
from app.web.office.desk import look
from app.web.office.fields import read_asked_day, read_asked_number
from app.web.office.frame import may, office_language, office_page, pages

_ROWS = 100
# A file that is made while its reader waits has so many rows at most.
MOST_IN_FILE = 20_000
_LONGEST = 200

_ASKED = ("which", "who", "act", "about", "reason", "from", "to")


@pages.get("/audit")
@may(Right.SEE_AUDIT)
def audit() -> Response:
    asked = _read_asked()
    with look() as connection:
        rows = list_audit_page(connection, asked, _ROWS + 1)
    return office_page(
        "audit.html",
        rows=rows[:_ROWS],
        following=rows[_ROWS - 1].id if len(rows) > _ROWS else None,
        asked=asked,
        which=_read_which(),
        name_act=_name_act,
        most=MOST_IN_FILE,
        kept={name: request.args[name] for name in _ASKED if name in request.args},
    )


@pages.get("/audit.csv")
@may(Right.SEE_AUDIT)
def audit_file() -> Response:
    """Gives the rows that are asked for as CSV, newest first, MOST_IN_FILE at most."""
    asked = _read_asked()
    with look() as connection:
        rows = list_audit_page(connection, asked, MOST_IN_FILE)
    answer = Response(_write_rows(rows), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


@pages.get("/audit/rights")
@may(Right.SEE_AUDIT)
def rights() -> Response:
    """Shows who may do what, and since when."""
    after = request.args.get("after", "")
    with look() as connection:
        rows = list_office_user_page(connection, after, _ROWS + 1)
    table = {role: sorted(RIGHTS[role]) for role in RIGHTS if role != "office"}
    return office_page(
        "rights.html",
        rows=rows[:_ROWS],
        following=rows[_ROWS - 1].name if len(rows) > _ROWS else None,
        table=table,
    )


def _read_asked() -> AuditQuery:
    texts = {name: _read(name) for name in ("who", "act", "about", "reason")}
    which = _read_which()
    return AuditQuery(
        **texts,
        first=read_asked_day("from"),
        last=read_asked_day("to"),
        approved=which == "approvals",
        looks=which == "looks",
        after=read_asked_number(),
    )


def _read(name: str) -> str:
    return " ".join(request.args.get(name, "")[:_LONGEST].split())


def _read_which() -> str:
    which = request.args.get("which", "")
    return which if which in ("approvals", "looks") else ""


def _name_act(act: str) -> str | None:
    """Returns the key of an act's words; None for an act of an earlier version."""
    key = f"office.act.{act}"
    return key if runtime().office_words.has(office_language(), key) else None


def _write_rows(rows: list[AuditRow]) -> Iterator[str]:
    yield "at,who,approved_by,act,about,reason,details\n"
    for row in rows:
        line = StringIO()
        details = json.dumps(dict(row.details), ensure_ascii=False, sort_keys=True)
        cells = (
            row.at.isoformat(),
            row.who,
            row.approved_by,
            row.act,
            row.about,
            row.reason,
            details,
        )
        write_rows(line, [cells])
        yield line.getvalue()
