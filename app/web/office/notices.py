"""Official notices: written in every language, looked at as phones show them, published, sent."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Response, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.notices.models import notice, notice_proposal
from app.notices.proposals import (
    PROPOSAL_SORTING,
    approve_notice,
    find_notice_proposal,
    list_notice_proposals,
    propose_notice,
    refuse_notice,
)
from app.notices.queries import list_published
from app.notices.rules import LONGEST_LINE, LONGEST_TITLE, MOST_LINES, Notice, make_notice
from app.notices.service import withdraw_notice
from app.office.rights import RIGHTS, Right
from app.reminders.broadcasts import (
    BroadcastRequest,
    LanguagePreview,
    preview_notice,
    propose_broadcast,
)
from app.reminders.errors import NoticeUnknown
from app.runtime import runtime
from app.text.languages import LANGUAGES
from app.ussd.screen import ScreenContext, paginate_screen
from app.web.office.desk import act_on, add_to, here, look
from app.web.office.fields import (
    LONGEST_REASON,
    NUMBER,
    done,
    read_amount,
    read_choice,
    read_form_day,
    read_needed,
    read_text,
)
from app.web.office.frame import may, office_page, pages
from app.web.office.tables import show_table

# How deep the screen of a notice is: the footer offers every way.
_DEPTH = 3


@pages.get("/notices")
@may(Right.SEE_MESSAGES)
def notices() -> Response:
    today = local_date(runtime().clock())
    with look() as connection:
        published = list_published(connection, today)
        proposals = show_table(
            PROPOSAL_SORTING, lambda asked: list_notice_proposals(connection, asked)
        )
    return office_page(
        "notices.html",
        published=published,
        proposals=proposals,
        acts=_may_act(),
        **_fields(),
    )


@pages.post("/notices/preview")
@may(Right.SEND_NOTICES)
def preview() -> Response:
    """Shows what phones would show and what messages would cost; keeps nothing."""
    written = _read_notice()
    return office_page(
        "notice_preview.html", notice=written, form=request.form, **(_fields() | _show(written))
    )


@pages.post("/notices")
@may(Right.SEND_NOTICES)
def propose_notice_here() -> AnyResponse:
    written = _read_notice()
    _show(written)
    with add_to(notice_proposal) as change:
        number = propose_notice(change, written)
    return done("notice_page", "notice_proposed", number=number)


@pages.get(f"/notices/{NUMBER}")
@may(Right.SEE_MESSAGES)
def notice_page(number: int) -> Response:
    with look() as connection:
        found = find_notice_proposal(connection, number)
    if found is None:
        raise NotFound
    acts = _may_act() and found.state == "proposed"
    return office_page("notice.html", one=found, acts=acts, **_show(found.notice))


@pages.post(f"/notices/{NUMBER}/approve")
@may(Right.SEND_NOTICES)
def approve_notice_here(number: int) -> AnyResponse:
    with act_on(notice_proposal, number) as change:
        approve_notice(change, number)
    return done("notice_page", "notice_published", number=number)


@pages.post(f"/notices/{NUMBER}/refuse")
@may(Right.SEND_NOTICES)
def refuse_notice_here(number: int) -> AnyResponse:
    reason = read_needed("reason", LONGEST_REASON)
    with act_on(notice_proposal, number) as change:
        refuse_notice(change, number, reason)
    return done("notice_page", "notice_refused", number=number)


@pages.post("/notices/published/<name>/withdraw")
@may(Right.SEND_NOTICES)
def withdraw_notice_here(name: str) -> AnyResponse:
    with act_on(notice, name, notice.c.name) as change:
        if not withdraw_notice(change, name):
            raise NoticeUnknown(name=name)
    return done("notices", "notice_withdrawn")


@pages.post("/notices/published/<name>/broadcast")
@may(Right.SEND_NOTICES)
def propose_broadcast_here(name: str) -> AnyResponse:
    """Proposes to tell a notice by SMS; it waits for another person on the campaign's page."""
    everybody = read_choice("whom", ("all", "some")) == "all"
    region, trade = read_text("region", 60) or None, read_text("trade", 60) or None
    if everybody == bool(region or trade):
        raise InvalidInput(what="whom", why="all_or_some")
    budget = read_amount("budget")
    dirhams = None if budget is None else Decimal(budget.centimes) / 100
    maalem = runtime()
    with act_on(notice, name, notice.c.name) as change:
        asked = BroadcastRequest(name, region, trade, dirhams)
        made = propose_broadcast(change, maalem.reminder_settings, maalem.words, asked)
    return done("campaign_page", "broadcast_proposed", name=made.name)


def _read_notice() -> Notice:
    """Returns the notice of the form, by the reader of files. Raises: NoticeRefused."""
    raw: dict[str, object] = {
        "name": read_needed("name", 32),
        "until": read_form_day("until"),
    }
    for language in LANGUAGES:
        lines = [read_text(f"{language}-{number}", 80) for number in range(1, MOST_LINES + 1)]
        raw[language] = {
            "title": read_text(f"{language}-title", 80),
            "text": [line for line in lines if line] or [""],
        }
    return make_notice(raw)


def _show(written: Notice) -> dict[str, Any]:
    """Returns the phone's pages and the message of each language. Raises: TextTooLong."""
    maalem = runtime()
    engine, limits = maalem.ussd, maalem.limits["africastalking"]
    screen = engine.menu.screens["notice"]
    shown: dict[str, list[str]] = {}
    for language, (title, body) in written.texts.items():
        values = {"title": title, "notice": body}
        context = ScreenContext(engine.words, language, screen, values, _DEPTH, limits, "")
        shown[language] = paginate_screen(context, [one.digit for one in screen.choices])
    texts = {language: f"{title}\n{body}" for language, (title, body) in written.texts.items()}
    day = local_date(maalem.clock())
    settings = maalem.reminder_settings.priced_for_real()
    told: Mapping[str, LanguagePreview] = {
        one.language: one for one in preview_notice(settings, maalem.words, texts, day)
    }
    return {"shown": shown, "told": told, "entries": LANGUAGES}


def _fields() -> dict[str, Any]:
    return {
        "entries": LANGUAGES,
        "longest_title": LONGEST_TITLE,
        "longest_line": LONGEST_LINE,
        "lines": range(1, MOST_LINES + 1),
    }


def _may_act() -> bool:
    return Right.SEND_NOTICES in RIGHTS[here().role]
