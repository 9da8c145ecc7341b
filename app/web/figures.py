"""The public figures: the published months, no person, no small count."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from app.base.database import reading
from app.figures.measures import ALL, CUTS
from app.figures.queries import list_figures, list_published_months
from app.runtime import runtime
from app.text.languages import LANGUAGES
from app.web.access import Audience, open_to
from app.web.figure_files import answer_csv, answer_xlsx
from app.web.figure_tables import (
    MONTHS_COMPARED,
    make_tables,
    read_cut,
    read_month,
)
from app.web.language import follow_language_switch, template_words, vary
from app.web.office.frame import office_language

pages = Blueprint("figures", __name__)
pages.before_request(follow_language_switch)
pages.after_request(vary)


@pages.get("/figures")
@open_to(Audience.EVERYONE)
def public_page() -> str:
    language = office_language()
    speech = template_words(language, runtime().office_words)
    cut = read_cut(request.args.get("cut", ""))
    with reading(runtime().figures_database) as connection:
        months = list_published_months(connection)
        month = read_month(request.args.get("month", ""), months)
        wanted = months[:MONTHS_COMPARED] if cut == ALL else [month] if month else []
        figures = list(list_figures(connection, months=wanted, cuts=(cut,)))
    return render_template(
        "figures/public.html",
        place="/figures",
        say=speech["t"],
        words_language=language,
        words_direction=LANGUAGES[language].direction,
        months=months,
        month=month,
        cuts=CUTS,
        cut=cut,
        tables=make_tables(figures, cut, speech["t"], language),
    )


@pages.get("/figures.csv")
@open_to(Audience.EVERYONE)
def csv_file() -> Response:
    with reading(runtime().figures_database) as connection:
        return answer_csv(list_figures(connection), "maalem-figures.csv")


@pages.get("/figures.xlsx")
@open_to(Audience.EVERYONE)
def xlsx_file() -> Response:
    with reading(runtime().figures_database) as connection:
        return answer_xlsx(list_figures(connection), "maalem-figures.xlsx")
