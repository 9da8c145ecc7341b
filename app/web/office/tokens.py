"""The office's cookies: one names a session, one the browser. Neither opens anything by itself."""

import hashlib
import re

from flask import request
from werkzeug.wrappers import Response

from app.runtime import runtime
from app.web.cookies import drop_cookie, keep_cookie, read_cookie
from app.web.places import office_places

_COOKIE, _BROWSER = "office", "office_browser"
_BROWSER_BITS, _BROWSER_SECONDS = 128, 365 * 24 * 3600
# The database knows when a session is over; a browser that is closed forgets it too.
_FOR_SECONDS = 12 * 3600


def read_token() -> str:
    """Returns the token of this request, or nothing."""
    return read_cookie(request, _COOKIE)


def keep_token(answer: Response, token: str) -> None:
    """Gives the browser a new session's token, which has a place at once."""
    office_places().note(token, good=True)
    keep_cookie(answer, _COOKIE, token, _FOR_SECONDS)


def drop_token(answer: Response) -> None:
    """Has the browser forget its token."""
    drop_cookie(answer, _COOKIE)


def read_browser() -> str:
    """Returns the name of this browser, or a new one."""
    known = read_cookie(request, _BROWSER)
    if re.fullmatch(r"[0-9a-f]{32}", known):
        return known
    return f"{runtime().random.getrandbits(_BROWSER_BITS):032x}"


def keep_browser(answer: Response, browser: str) -> None:
    """Gives the browser its name: all who sign in at it are one person."""
    keep_cookie(answer, _BROWSER, browser, _BROWSER_SECONDS)


def name_seat(browser: str) -> str:
    """Returns a digest that names the browser as a seat (app/office/two_people.py)."""
    return hashlib.sha256(f"browser:{browser}".encode()).hexdigest()
