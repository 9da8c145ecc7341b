"""Lets a client into the payments API: its key, its address, its rate and the whole request."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from flask import g, request
from limits import RateLimitItemPerMinute
from pydantic import SecretStr

from app.agents.clients import DEMO_KEY, authenticate_client
from app.agents.errors import ClientRefused
from app.base.database import reading
from app.mobile_money.errors import refuse_for_now
from app.mobile_money.objects import read_moment, refuse
from app.runtime import runtime
from app.web.mobile_money.sandbox import set_clock
from app.web.rate_limits import seconds_to_wait, take_try

# A request that was recorded is worth nothing later.
_DATE_WITHIN = timedelta(days=1)


def admit() -> None:
    """Authenticates the client into `g.client` and checks that its request is whole.

    Raises: ClientRefused, Refused, Unavailable.
    """
    maalem = runtime()
    key = SecretStr(request.headers.get("X-API-Key", ""))
    identity = request.headers.get("X-Client-Id", "")
    if not identity or not key.get_secret_value():
        raise ClientRefused(why="no key")
    if maalem.settings.production and key == DEMO_KEY:
        raise ClientRefused(why="demo key")
    with reading(maalem.database) as connection:
        address = request.remote_addr or ""
        g.client = authenticate_client(connection, identity[:64], key, address, maalem.clock())
    rate = RateLimitItemPerMinute(g.client.requests_a_minute)
    counted = (rate, "api", g.client.id)
    if not take_try(counted):
        raise refuse_for_now("too many requests this minute", seconds_to_wait(counted))
    set_clock()
    if date := request.headers.get("X-Date"):
        distance = abs(read_moment("X-Date", date) - maalem.clock())
        if distance > _DATE_WITHIN:
            raise refuse("X-Date", "more than a day from now: is your clock right?")
    if header := request.headers.get("X-Content-Hash"):
        digest = hashlib.sha256(request.get_data()).hexdigest()
        claimed = header.strip().lower().encode("ascii", "replace").decode()
        if not hmac.compare_digest(digest, claimed):
            raise refuse("X-Content-Hash", "not the SHA-256 of the body")
