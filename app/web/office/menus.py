"""The phones' menus for the operator: what is live, and how another version differs from it."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import NotFound

from app.office.rights import Right
from app.runtime import runtime
from app.ussd.tools.difference import find_screen_changes, find_word_changes
from app.web.office.frame import may, office_page, pages

# A page shows so many sentences that differ, and says how many there are.
_SENTENCES = 200


@pages.get("/menus")
@may(Right.SEE_HEALTH)
def menus() -> Response:
    """Shows the versions that processes run; `other` is one to compare with this process's."""
    maalem = runtime()
    versions = maalem.turns.versions
    live = versions.current
    stored = versions.list_stored(maalem.clock())
    asked = request.args.get("other", "")
    other = screens = None
    words = []
    if asked:
        # Only what is listed is looked for: each version is built once, and kept.
        known = any(one.version == asked for one in stored)
        other = versions.find(asked) if known else None
        if other is None:
            raise NotFound
        screens = find_screen_changes(other.menu, live.menu)
        words = list(find_word_changes(other.words, live.words))
    return office_page(
        "menus.html",
        live=live,
        stored=stored,
        other=other,
        screens=screens,
        words=words[:_SENTENCES],
        sentences=len(words),
    )
