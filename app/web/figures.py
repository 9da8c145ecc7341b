"""The public figures: the published months, no person, no small count."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from app.base.database import reading
from app.figures.files import write_csv
from app.figures.measures import ALL, CUTS
from app.figures.picture_queue import AskedPicture, find_picture
from app.figures.pictures import PictureWords, make_pictures
from app.figures.public_files import read_public_file
from app.figures.queries import PICTURE_CUTS, list_figures, list_published_months
from app.runtime import runtime
from app.text.languages import LANGUAGES
from app.web.access import Audience, open_to
from app.web.figure_files import answer_file, answer_picture
from app.web.figure_pictures import list_cells, prepare_pictures
from app.web.figure_tables import MONTHS_COMPARED, make_tables, read_cut, read_month
from app.web.language import follow_language_switch, template_words, vary
from app.web.office.frame import office_language

pages = Blueprint("figures", __name__)
pages.before_request(follow_language_switch)
pages.after_request(vary)


@pages.get("/figures")
@open_to(Audience.EVERYONE)
def public_page() -> str:
    language = office_language()
    words = runtime().office_words
    say = template_words(language, words)["t"]
    cut = read_cut(request.args.get("cut", ""))
    with reading(runtime().figures_database) as connection:
        months = list_published_months(connection)
        month = read_month(request.args.get("month", ""), months)
        wanted = months[:MONTHS_COMPARED] if cut == ALL else [month] if month else []
        figures = list(list_figures(connection, months=wanted, cuts=(cut,)))
        drawn = list(list_figures(connection, months=[month] if month else [], cuts=PICTURE_CUTS))
    pictures = make_pictures(drawn, month, PictureWords(words, language)) if month else []
    return render_template(
        "figures/public.html",
        place="/figures",
        say=say,
        words_language=language,
        words_direction=LANGUAGES[language].direction,
        months=months,
        month=month,
        cuts=CUTS,
        cut=cut,
        tables=make_tables(figures, cut, say, language),
        pictures=prepare_pictures(runtime().database, pictures, say),
    )


@pages.get("/figures.csv")
@open_to(Audience.EVERYONE)
def csv_file() -> Response:
    return _answer_public("csv")


@pages.get("/figures.xlsx")
@open_to(Audience.EVERYONE)
def xlsx_file() -> Response:
    return _answer_public("xlsx")


def _answer_public(file_format: str) -> Response:
    maalem = runtime()
    content = read_public_file(maalem.redis, maalem.figures_database, file_format)
    return answer_file(content, "maalem-figures", file_format)


# A digest names what was published, and whoever knows it knows the figures.
@pages.get("/figures/pictures/<digest>.svg")
@open_to(Audience.EVERYONE)
def picture(digest: str) -> Response:
    asked = _find_picture(digest)
    if asked.svg is None:
        raise NotFound
    return answer_picture(asked.svg, f"maalem-{asked.picture.name}")


@pages.get("/figures/pictures/<digest>.csv")
@open_to(Audience.EVERYONE)
def picture_file(digest: str) -> Response:
    shown = _find_picture(digest).picture
    return answer_file(write_csv(list_cells(shown)), f"maalem-{shown.name}", "csv")


def _find_picture(digest: str) -> AskedPicture:
    with reading(runtime().database) as connection:
        asked = find_picture(connection, digest)
    if asked is None:
        raise NotFound
    return asked
