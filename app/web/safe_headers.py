"""The headers that every answer carries: what a browser may do with it, and who may keep it."""

from __future__ import annotations

from flask import Response, request

_EVERYWHERE = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_PAGE = (
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
)
# Of what is no page nothing is loaded, run or framed, should a browser show it.
_NO_PAGE = (
    (
        "Content-Security-Policy",
        "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
)

_NOT_KEPT = ("Cache-Control", "no-store")
# Of an answer to a machine.
FOR_MACHINES = (*_EVERYWHERE, *_NO_PAGE, _NOT_KEPT)


def add_safe_headers(response: Response) -> None:
    """Adds them to an answer that is ours; a policy for caches that a view set itself is kept.

    Nothing is kept by caches but files of ours, which are the same for everybody: almost every
    other answer shows a person, or leads to one.
    """
    headers = response.headers
    headers.extend(_EVERYWHERE + (_PAGE if response.mimetype == "text/html" else _NO_PAGE))
    if "Cache-Control" not in headers and not _is_file(response):
        headers.add(*_NOT_KEPT)


def _is_file(response: Response) -> bool:
    return request.endpoint == "static" and response.status_code in (200, 206, 304)
