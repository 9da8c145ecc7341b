"""The phones' menus for the operator: what is live, and how another version becomes it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Response, request
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.errors import InvalidInput
from app.office.rights import RIGHTS, Right
from app.publishing.following import build_shown
from app.publishing.models import menu_publication, menu_version
from app.publishing.packing import MOST_BYTES, read_zip
from app.publishing.queries import (
    VERSION_SORTING,
    MenuVersion,
    find_live,
    find_live_version,
    find_menu_version,
    list_menu_versions,
    list_publications,
    read_content,
)
from app.publishing.service import approve_menus, give_menus, go_back, refuse_menus
from app.runtime import runtime
from app.services import Services
from app.ussd.engine import MenuEngine
from app.ussd.tools.difference import find_differences, find_screen_changes, find_word_changes
from app.web.office.desk import act_on, add_to, here, look
from app.web.office.fields import LONGEST_REASON, NUMBER, done, read_needed
from app.web.office.frame import may, office_page, pages
from app.web.office.tables import show_table

# A page shows so many sentences that differ, and says how many there are.
_SENTENCES = 200
_PUBLICATIONS = 20
_OWN = "own"


@pages.get("/menus")
@may(Right.SEE_HEALTH)
def menus() -> Response:
    """Shows the versions that processes run; `other` is one to compare with this process's."""
    maalem = runtime()
    versions = maalem.turns.versions
    live = versions.current
    stored = versions.list_stored(maalem.clock())
    own = maalem.live_menus.own.engine
    asked = request.args.get("other", "")
    compared: dict[str, Any] = {}
    if asked:
        # Only what is listed is looked for: each version is built once, and kept.
        known = any(one.version == asked for one in stored)
        other = own if asked == own.version else versions.find(asked) if known else None
        if other is None:
            raise NotFound
        compared = {"other": other, **_compare(other, live)}
    with look() as connection:
        given = show_table(VERSION_SORTING, lambda asked: list_menu_versions(connection, asked))
        published = list_publications(connection, _PUBLICATIONS)
        number = find_live(connection)
        said_live = find_live_version(connection) or own.version
    earlier = {one.number: one for one in published if one.number not in (None, number)}
    return office_page(
        "menus.html",
        live=live,
        own=own,
        stored=stored,
        given=given,
        published=published,
        number=number,
        follows=said_live == live.version,
        earlier=list(earlier.values()),
        acts=_may_act(),
        **compared,
    )


@pages.post("/menus/versions")
@may(Right.RUN_SERVICE)
def give_menus_here() -> AnyResponse:
    """Keeps a version that somebody gives as a zip; a worker checks it."""
    given = request.files.get("file")
    if given is None or not given.filename:
        raise InvalidInput(what="file", why="empty")
    with given.stream as stream:
        files = read_zip(stream.read(MOST_BYTES + 1))
    own = runtime().live_menus.own.pack()
    with add_to(menu_version) as change:
        number = give_menus(change, given.filename, files, own)
    return done("menu_version_page", "menus_given", number=number)


@pages.get(f"/menus/versions/{NUMBER}")
@may(Right.SEE_HEALTH)
def menu_version_page(number: int) -> Response:
    live = runtime().ussd
    with look() as connection:
        found = find_menu_version(connection, number)
        if found is None:
            raise NotFound
        is_live = find_live(connection) == number
        over = find_live_version(connection) or runtime().live_menus.own.engine.version
        new = _build_checked(connection, found)
    compared = {} if new is None or is_live else _compare(live, new)
    return office_page(
        "menu_version.html",
        one=found,
        is_live=is_live,
        outdated=found.given_over != over,
        acts=_may_act() and found.state in ("waiting", "fit", "unfit"),
        working=found.state == "waiting",
        **compared,
    )


@pages.post(f"/menus/versions/{NUMBER}/approve")
@may(Right.RUN_SERVICE)
def approve_menus_here(number: int) -> AnyResponse:
    with act_on(menu_version, number) as change:
        approve_menus(change, number, runtime().live_menus.own.engine.version)
    return done("menu_version_page", "menus_published", number=number)


@pages.post(f"/menus/versions/{NUMBER}/refuse")
@may(Right.RUN_SERVICE)
def refuse_menus_here(number: int) -> AnyResponse:
    reason = read_needed("reason", LONGEST_REASON)
    with act_on(menu_version, number) as change:
        refuse_menus(change, number, reason)
    return done("menu_version_page", "menus_refused", number=number)


@pages.post("/menus/back")
@may(Right.RUN_SERVICE)
def go_back_here() -> AnyResponse:
    """Goes back to an earlier version, or to the program's own."""
    reason = read_needed("reason", LONGEST_REASON)
    asked = read_needed("version", 20)
    if asked != _OWN and not (asked.isascii() and asked.isdecimal() and len(asked) < 19):
        raise NotFound
    with add_to(menu_publication) as change:
        go_back(change, None if asked == _OWN else int(asked), reason)
    return done("menus", "menus_gone_back")


def _build_checked(connection: Connection, found: MenuVersion) -> MenuEngine[Services] | None:
    """Returns the engine of a version that was found right; None for any other."""
    if found.state not in ("fit", "published"):
        return None
    return _build(found.version, read_content(connection, found.id))


@lru_cache(maxsize=4)
def _build(_version: str, content: bytes) -> MenuEngine[Services] | None:
    shown = build_shown(content, runtime().load_menus)
    return shown.engine if shown else None


def _compare(before: MenuEngine[Services], after: MenuEngine[Services]) -> dict[str, Any]:
    words = list(find_word_changes(before.words, after.words))
    return {
        "screens": find_screen_changes(before.menu, after.menu),
        "ways": list(find_differences(before.menu, after.menu)),
        "words": words[:_SENTENCES],
        "sentences": len(words),
    }


def _may_act() -> bool:
    return Right.RUN_SERVICE in RIGHTS[here().role]
