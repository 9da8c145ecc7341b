"""Names and sets our cookies: in production no other host and no page over http can set one.

The door ends TLS and the server sees http, so the setting decides and not the request.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.wrappers import Request, Response

from app.runtime import runtime
from app.settings import Settings


def register(app: Flask, settings: Settings) -> None:
    """Sets how the cookie of a session is kept."""
    app.config.update(
        SESSION_COOKIE_NAME=_name("session", settings),
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.production,
    )


def read_cookie(request: Request, name: str) -> str:
    """Returns a cookie of ours; empty without it."""
    return request.cookies.get(_name(name, runtime().settings), "")


def keep_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """Sets a cookie of ours for so many seconds."""
    settings = runtime().settings
    response.set_cookie(
        _name(name, settings),
        value,
        max_age=seconds,
        path="/",
        secure=settings.production,
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(response: Response, name: str) -> None:
    """Has the browser forget a cookie of ours."""
    keep_cookie(response, name, "", 0)


def _name(name: str, settings: Settings) -> str:
    """Returns the name with the prefix by which browsers hold a cookie to https, host and path.

    In development there is no https: browsers would not keep it.
    """
    return f"__Host-{name}" if settings.production else name
