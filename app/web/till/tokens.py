"""The till's token: the cookie of its session names one, and opens nothing by itself."""

from flask import session

TOKEN = "token"  # noqa: S105 - the cookie's key of the session's token


def read_token() -> str:
    """Returns the token of the session that this request carries, still good or not; or nothing."""
    return str(session.get(TOKEN, ""))
