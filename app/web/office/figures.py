"""Figures in the office: what was published, to each role its part; long lists, fetched later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Response, redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.database import transaction
from app.base.errors import InvalidInput
from app.base.months import Month
from app.figures.files import FILE_FORMATS, write_file
from app.figures.measures import ALL, CUTS
from app.figures.models import published_month, report_request
from app.figures.pictures import PictureWords, make_own_pictures, make_pictures
from app.figures.queries import (
    PICTURE_CUTS,
    FigureScope,
    list_figures,
    list_published_months,
)
from app.figures.reports import (
    NewReport,
    ReportRequest,
    ask_for_report,
    list_reports,
    read_report,
)
from app.figures.service import list_unpublished_months, publish_month
from app.observe.progress import find_progress
from app.office.rights import RIGHTS, Right
from app.office.sessions import OfficeSession
from app.runtime import runtime
from app.wall import stand_behind
from app.web.figure_files import answer_file
from app.web.figure_pictures import prepare_pictures
from app.web.figure_tables import (
    MONTHS_COMPARED,
    make_own_tables,
    make_tables,
    read_cut,
    read_month,
    write_figure,
)
from app.web.language import template_words
from app.web.office.desk import act, add_to, here, look, sight
from app.web.office.first_page import FirstNumber, numbers_for
from app.web.office.frame import may, office_language, office_page, pages

# The three numbers of who has no work but figures.
_FIRST_NUMBERS = ("enrolled_share", "rights_open_share", "payers_share")


@contextmanager
def look_at_figures() -> Iterator[Connection]:
    """Opens a connection to the figures behind the wall: the replica's, if there is one.

    Raises: Unavailable.
    """
    if not runtime().settings.figures_database_url:
        with look() as connection:
            yield connection
        return
    with transaction(runtime().figures_database) as connection:
        stand_behind(connection, sight())
        yield connection


def scope_of(opened: OfficeSession) -> FigureScope:
    """Returns the part of the figures that this person sees; the wall holds it by itself."""
    return FigureScope.of(opened.scope.region, opened.scope.network)


@pages.get("/figures")
@may(Right.SEE_FIGURES)
def figures() -> Response:
    scope = scope_of(here())
    language = office_language()
    words = PictureWords(runtime().office_words, language)
    say = template_words(language, runtime().office_words)["t"]
    cut = scope.cut or read_cut(request.args.get("cut", ""))
    with look_at_figures() as connection:
        months = list_published_months(connection)
        month = read_month(request.args.get("month", ""), months)
        compares = bool(scope.cut) or cut == ALL
        wanted = months[:MONTHS_COMPARED] if compares else [month] if month else []
        told = list(list_figures(connection, scope, wanted, (cut,)))
        drawn = list(list_figures(connection, months=[month], cuts=PICTURE_CUTS)) if month else []
    if scope.cut:
        tables = make_own_tables(told, say, language)
        pictures = make_own_pictures(told, words.name_key(scope.cut, scope.key), words)
    else:
        tables = make_tables(told, cut, say, language)
        pictures = make_pictures(drawn, month, words) if month else []
    can_publish = Right.PUBLISH_FIGURES in RIGHTS[here().role]
    with look() as connection:
        reports = list_reports(connection, here().name, "figures")
        unpublished = list_unpublished_months(connection) if can_publish else []
    return office_page(
        "figures.html",
        scope=scope,
        months=months,
        month=month,
        cuts=CUTS,
        cut=ALL if compares else cut,
        tables=tables,
        pictures=prepare_pictures(runtime().office_database, pictures, say),
        reports=reports,
        **follow_reports(reports),
        can_publish=can_publish,
        unpublished=unpublished,
        formats=FILE_FORMATS,
        own_name=words.name_key(scope.cut, scope.key) if scope.cut else "",
    )


@pages.get("/figures.csv")
@may(Right.SEE_FIGURES)
def figures_csv() -> Response:
    return _answer_own("csv")


@pages.get("/figures.xlsx")
@may(Right.SEE_FIGURES)
def figures_xlsx() -> Response:
    return _answer_own("xlsx")


def _answer_own(file_format: str) -> Response:
    with look_at_figures() as connection:
        content = write_file(file_format, list_figures(connection, scope_of(here())))
    return answer_file(content, "maalem-figures", file_format)


def follow_reports(reports: Sequence[ReportRequest]) -> dict[str, Any]:
    """Returns how far the lists are that a worker still writes, for the page that shows them."""
    waiting = [one for one in reports if one.state == "waiting"]
    far = {one.id: find_progress(runtime().redis, one.work) for one in waiting}
    return {"far": far, "working": bool(waiting)}


@pages.post("/figures/publish")
@may(Right.PUBLISH_FIGURES)
def publish_figures() -> AnyResponse:
    try:
        month = Month.parse(request.form.get("month", ""))
    except InvalidInput as error:
        raise NotFound from error
    with add_to(published_month) as change:
        is_new = publish_month(change, month, early=False)
    said = "month_published" if is_new else "month_known"
    return redirect(url_for("office.figures", month=month, said=said), 303)


@pages.post("/figures/lists")
@may(Right.SEE_FIGURES)
def ask_for_list() -> AnyResponse:
    scope = here().scope
    wanted = request.form.get("format", "")
    if wanted not in FILE_FORMATS:
        raise NotFound
    with add_to(report_request, kind="figures") as change:
        ask_for_report(change, NewReport(wanted, scope.region, scope.network))
    return redirect(url_for("office.figures") + "#lists", 303)


@pages.get("/figures/lists/<int:number>")
@may(Right.SEE_FIGURES)
def take_list(number: int) -> Response:
    return take_report(number, "figures")


def take_report(number: int, kind: str) -> Response:
    """Gives a list that a worker wrote to who asked for it. Raises: NotFound."""
    with look() as connection:
        is_own = any(one.id == number for one in list_reports(connection, here().name, kind))
    if not is_own:
        raise NotFound
    with act() as change:
        ready = read_report(change.connection, number, here().name, kind)
    if ready is None:
        raise NotFound
    file_format, content = ready
    return answer_file(content, f"maalem-{kind}-{number}", file_format)


@numbers_for("analyst")
def read_first_numbers(connection: Connection, _opened: OfficeSession) -> Sequence[FirstNumber]:
    """Returns the shares of the newest published month."""
    newest = list_published_months(connection)[:1]
    values = {
        one.measure: one.value for one in list_figures(connection, months=newest, cuts=(ALL,))
    }
    return [
        FirstNumber(f"office.figures.measure.{measure}", write_figure(values.get(measure), measure))
        for measure in _FIRST_NUMBERS
    ]
