"""The cookie of a session at the office; it names a session and opens nothing by itself."""

from flask import request
from werkzeug.wrappers import Response

from app.web.cookies import drop_cookie, keep_cookie, read_cookie

_COOKIE = "office"
# The database knows when a session is over; a browser that is closed forgets it too.
_FOR_SECONDS = 12 * 3600


def has_token() -> bool:
    """True for a request with a token, good or not."""
    return bool(read_token())


def read_token() -> str:
    """Returns the token of this request, or nothing."""
    return read_cookie(request, _COOKIE)


def keep_token(answer: Response, token: str) -> None:
    """Gives the browser a new session's token."""
    keep_cookie(answer, _COOKIE, token, _FOR_SECONDS)


def drop_token(answer: Response) -> None:
    """Has the browser forget its token."""
    drop_cookie(answer, _COOKIE)
