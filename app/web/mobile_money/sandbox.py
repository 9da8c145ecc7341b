"""The sandbox's clock: in development a request may be answered as it would be some days later.

Such a request is answered and forgotten: nothing of it is recorded. Only the demo client of a
service in development has it; production refuses the header from everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from flask import g, request

from app.agents.clients import DEMO_CLIENT
from app.base.operation import Operation
from app.mobile_money.objects import refuse
from app.runtime import runtime

HEADER = "X-Sandbox-Days"
_MOST_DAYS = 400


def set_clock() -> None:
    """Reads how many days later the client wishes it to be. Raises: Refused."""
    wished = request.headers.get(HEADER)
    if wished is None:
        return
    if runtime().settings.production or g.client.id != DEMO_CLIENT:
        raise refuse(HEADER, "only for the demo client of a service in development")
    if not (wished.isascii() and wished.isdecimal() and len(wished) < 4):
        raise refuse(HEADER, f"not a number of days from 0 to {_MOST_DAYS}")
    if int(wished) > _MOST_DAYS:
        raise refuse(HEADER, f"more than {_MOST_DAYS} days")
    if "X-Callback-URL" in request.headers or "Prefer" in request.headers:
        raise refuse(HEADER, "answered in step alone, without X-Callback-URL and Prefer")
    g.days_later = int(wished)


def tell_time() -> datetime:
    """Returns the moment as which this request is answered."""
    return runtime().clock() + timedelta(days=g.get("days_later", 0))


@contextmanager
def forget_if_later(change: Operation) -> Iterator[None]:
    """Rolls back what is done within, if this request is answered as on a later day."""
    if not g.get("days_later"):
        yield
        return
    tried = change.connection.begin_nested()
    try:
        yield
    finally:
        tried.rollback()
