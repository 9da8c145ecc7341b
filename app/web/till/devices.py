"""Devices that agents have signed in on: each has tries of its own, which no stranger uses up.

The cookie is signed and says which device it is and whose: it opens nothing. A device that it does
not name shares the tries of all unknown ones. One that an older key signed is signed anew.
"""

from __future__ import annotations

from flask import request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from app.agents.locks import Door
from app.base.keys import Purpose
from app.runtime import runtime
from app.web.cookies import keep_cookie, read_cookie
from app.web.signed_cookies import CookieSigner, list_secrets

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
    _keep(response, nonce, kept)


def sign_device_anew(response: Response) -> None:
    """Signs the cookie with today's key, if an older one signed it."""
    nonce, numbers = _read_cookie()
    if nonce and _signer().is_due(read_cookie(request, _COOKIE)):
        _keep(response, nonce, numbers)


def _keep(response: Response, nonce: str, numbers: list[str]) -> None:
    keep_cookie(response, _COOKIE, _signer().dumps([nonce, numbers]), _FOR_SECONDS)


def _read_cookie() -> tuple[str, list[str]]:
    """Returns the device's nonce and its agents' numbers; empty for a device that is not known."""
    try:
        nonce, numbers = _signer().loads(read_cookie(request, _COOKIE))
    except (BadSignature, ValueError):
        return "", []
    return str(nonce), [str(number) for number in numbers]


def _signer() -> CookieSigner:
    maalem = runtime()
    before = URLSafeSerializer(list_secrets(maalem.settings), salt="maalem till device")
    return CookieSigner(maalem.keys, Purpose.TILL_DEVICE, before)
