"""Reads requests for help."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Text, bindparam, select

from app.assistance.models import help_request
from app.assistance.rules import WAITING
from app.base.phone import Phone

SHOWN = 5


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """What was asked, when, and how far it is."""

    reference: str
    kind: str
    topic: str
    state: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """The same as the help desk needs it: whom to call, in which language."""

    request: HelpRequest
    phone: Phone
    language: str


COLUMNS = (
    help_request.c.reference,
    help_request.c.kind,
    help_request.c.topic,
    help_request.c.state,
    help_request.c.asked_at,
)


def list_requests(connection: Connection, phone: Phone) -> list[HelpRequest]:
    """The newest that this phone asked for, newest first."""
    return [HelpRequest(*row) for row in connection.execute(_OF_PHONE, {"phone": phone.e164})]


def list_waiting(connection: Connection, most: int) -> list[WaitingRequest]:
    """What waits for the desk, oldest first."""
    rows = connection.execute(
        select(*COLUMNS, help_request.c.phone, help_request.c.language)
        .where(help_request.c.state.in_(WAITING))
        .order_by(help_request.c.id)
        .limit(most)
    )
    return [WaitingRequest(HelpRequest(*row[:5]), Phone(row.phone), row.language) for row in rows]


# Built once: building it takes longer than running it.
_OF_PHONE = (
    select(*COLUMNS)
    .where(help_request.c.phone == bindparam("phone", type_=Text))
    .order_by(help_request.c.id.desc())
    .limit(SHOWN)
)
