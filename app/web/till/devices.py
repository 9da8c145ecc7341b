"""Devices that agents have signed in on: each has tries of its own, which no stranger uses up.

The cookie is signed and says which device it is and whose: it opens nothing. A device that it does
not name shares the tries of all unknown ones.
"""

from __future__ import annotations

from flask import request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from app.agents.locks import Door
from app.runtime import runtime
from app.web.cookies import keep_cookie, read_cookie

_COOKIE = "maalem_device"
_FOR_SECONDS = 400 * 24 * 3600  # the longest that browsers keep
# Agents who share a till; whoever came first is forgotten first.
_MOST_AGENTS = 12
_NONCE_BITS = 128


def find_door(number: str) -> Door:
    """Returns the door of this request for an agent's number."""
    nonce, numbers = _read_cookie()
    return Door.device(nonce) if nonce and number in numbers else Door.unknown()


def remember_device(response: Response, number: str) -> None:
    """Marks this device as one on which the agent signed in."""
    nonce, numbers = _read_cookie()
    nonce = nonce or f"{runtime().random.getrandbits(_NONCE_BITS):032x}"
    kept = [*(other for other in numbers if other != number), number][-_MOST_AGENTS:]
    keep_cookie(response, _COOKIE, str(_signer().dumps([nonce, kept])), _FOR_SECONDS)


def _read_cookie() -> tuple[str, list[str]]:
    """Returns the device's nonce and its agents' numbers; empty for a device that is not known."""
    for signer in (_signer(), *map(_make_signer, runtime().services.old_secrets)):
        try:
            nonce, numbers = signer.loads(read_cookie(request, _COOKIE))
        except (BadSignature, ValueError):
            continue
        return str(nonce), [str(number) for number in numbers]
    return "", []


def _signer() -> URLSafeSerializer:
    return _make_signer(runtime().secret)


def _make_signer(secret: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="maalem till device")
