"""Forms of the office's pages: each does its act once, however often it is sent."""

from __future__ import annotations

import re
from datetime import timedelta
from random import Random

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from app.base.operation import Operation
from app.office.errors import FormUsed
from app.office.models import office_form

# No session lasts so long, so no page with the form is still open.
_KEPT_FOR = timedelta(days=2)
_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)


def draw_form_token(random: Random) -> str:
    """Draws what tells one form from another."""
    return f"{random.getrandbits(128):032x}"


def use_form(operation: Operation, token: str) -> None:
    """Notes that a form did its act, in the transaction of the act.

    The same form sent twice at once waits for the first. Raises: FormUsed.
    """
    if not _TOKEN.fullmatch(token):
        raise FormUsed()
    values = {"token": token, "name": operation.actor, "used_at": operation.now}
    noted = insert(office_form).values(values).on_conflict_do_nothing()
    if operation.connection.execute(noted.returning(office_form.c.token)).scalar() is None:
        raise FormUsed()


def forget_forms(operation: Operation) -> int:
    """Deletes the forms of sessions that are over. Returns how many."""
    old = office_form.c.used_at < operation.now - _KEPT_FOR
    return int(operation.connection.execute(delete(office_form).where(old)).rowcount)
