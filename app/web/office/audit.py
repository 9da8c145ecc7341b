"""The audit for whoever controls: every act, approvals with both names, looks, and rights."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.audit.files import MOST_ROWS
from app.audit.lists import AUDIT_SORTING, AuditQuery, list_audit_page
from app.figures.models import report_request
from app.figures.reports import NewReport, ask_for_report, list_reports
from app.office.queries import USER_SORTING, list_office_user_page
from app.office.rights import RIGHTS, Right
from app.runtime import runtime
from app.web.office.desk import add_to, here, look
from app.web.office.fields import NUMBER, read_asked_day
from app.web.office.figures import follow_reports, take_report
from app.web.office.frame import may, office_language, office_page, pages
from app.web.office.tables import show_table

_ROWS = 100
_LONGEST = 200

_ASKED = ("which", "who", "act", "about", "reason", "from", "to")


@pages.get("/audit")
@may(Right.SEE_AUDIT)
def audit() -> Response:
    query = _read_query()
    with look() as connection:
        rows = show_table(
            AUDIT_SORTING, lambda asked: list_audit_page(connection, query, asked), most=_ROWS
        )
        reports = list_reports(connection, here().name, "audit")
    return office_page(
        "audit.html",
        events=rows,
        query=query,
        which=_read_which(),
        name_act=_name_act,
        most=MOST_ROWS,
        reports=reports,
        **follow_reports(reports),
        kept={name: request.args[name] for name in _ASKED if name in request.args},
    )


@pages.post("/audit/lists")
@may(Right.SEE_AUDIT)
def ask_for_audit_list() -> AnyResponse:
    """Has a worker write the rows that the address asks for, for who asks alone."""
    asked = _read_query()
    with add_to(report_request, kind="audit") as change:
        ask_for_report(change, NewReport("csv", audit=asked))
    kept: dict[str, Any] = {name: request.args[name] for name in _ASKED if name in request.args}
    return redirect(url_for("office.audit", **kept, follow=1) + "#lists", 303)


@pages.get(f"/audit/lists/{NUMBER}")
@may(Right.SEE_AUDIT)
def take_audit_list(number: int) -> Response:
    return take_report(number, "audit")


@pages.get("/audit/rights")
@may(Right.SEE_AUDIT)
def rights() -> Response:
    """Shows who may do what, and since when."""
    with look() as connection:
        users = show_table(USER_SORTING, lambda asked: list_office_user_page(connection, asked))
    table = {role: sorted(RIGHTS[role]) for role in RIGHTS if role != "office"}
    return office_page(
        "rights.html",
        users=users,
        table=table,
    )


def _read_query() -> AuditQuery:
    texts = {name: _read(name) for name in ("who", "act", "about", "reason")}
    which = _read_which()
    return AuditQuery(
        **texts,
        first=read_asked_day("from"),
        last=read_asked_day("to"),
        approved=which == "approvals",
        looks=which == "looks",
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
