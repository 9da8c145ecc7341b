"""Places for files that people of the office give: few at once, as memory is meant for so many.

A place is had by a session that is open, and whose role may send that form: by nothing else.
"""

from __future__ import annotations

import re
from threading import BoundedSemaphore

from flask import current_app, g, request

from app.web.office.tokens import read_token
from app.web.places import office_places

_AT_ONCE = 2
_GIVES_FILES = re.compile(
    r"/office/(breaks/files|postings/answers|agents/agencies/file|menus/versions)"
)
_PLACES = BoundedSemaphore(_AT_ONCE)


def take_upload_place() -> bool:
    """Takes a place for the file of this request; False if it gets none, or gives no file."""
    if request.method != "POST" or not _GIVES_FILES.fullmatch(request.path) or not _may_send():
        return False
    g.upload_place = _PLACES.acquire(blocking=False)
    return bool(g.upload_place)


def leave_upload_place() -> None:
    """Gives the place back, if this request has one."""
    if g.pop("upload_place", False):
        _PLACES.release()


def _may_send() -> bool:
    """True if the session is open and its role may send the form; it is looked up beforehand.

    Of the sessions that this process has not seen yet, one at a time is looked up.
    """
    # The office's pages are read where they are served alone.
    from app.office.rights import RIGHTS
    from app.office.sessions import Stage
    from app.web.office.frame import right_of, use_session

    places, token = office_places(), read_token()
    if not token or (place := places.take(token)) is None:
        return False
    try:
        opened = use_session(token)
    finally:
        places.leave(place)
    if opened is None or opened.stage is not Stage.OPEN:
        return False
    return right_of(current_app, request.endpoint) in RIGHTS[opened.role]
