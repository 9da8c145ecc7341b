"""The first page: what Maalem is, and where its pages are."""

from flask import Blueprint, render_template

from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.language import follow_language_switch, vary

pages = Blueprint("home", __name__)
pages.before_request(follow_language_switch)
pages.after_request(vary)


@pages.get("/")
@open_to(Audience.EVERYONE)
def first_page() -> str:
    settings = runtime().settings
    return render_template(
        "home.html",
        place="/",
        simulator=not settings.production,
    )
