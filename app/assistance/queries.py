"""Reads requests for help."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Text, bindparam, case, exists, select

from app.assistance.models import help_request
from app.assistance.rules import WAITING
from app.base.phone import Phone
from app.base.rows import read_row
from app.enrolment.models import LOST_NUMBER, artisan, ended_tie

SHOWN = 5


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """A request for help: its kind and topic, its state, and when it was asked."""

    reference: str
    kind: str
    topic: str
    state: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A waiting request for the help desk, with the phone to call and the language to speak."""

    request: HelpRequest
    phone: Phone
    language: str
    artisan_id: int | None


COLUMNS = (
    help_request.c.reference,
    help_request.c.kind,
    help_request.c.topic,
    help_request.c.state,
    help_request.c.asked_at,
)


def list_requests(connection: Connection, phone: Phone) -> list[HelpRequest]:
    """Lists the newest requests of this phone, newest first."""
    rows = connection.execute(_OF_PHONE, {"phone": phone.e164})
    return [read_row(HelpRequest, row) for row in rows]


def list_waiting(
    connection: Connection, most: int, own_rows: ColumnElement[bool]
) -> list[WaitingRequest]:
    """Lists at most `most` of the own requests that wait for the desk, oldest first.

    A number that changed hands since is never called: the person's own is, if there is one.
    """
    own = select(artisan.c.phone).where(artisan.c.id == help_request.c.artisan_id)
    number = case((number_was_lost(), own.scalar_subquery()), else_=help_request.c.phone)
    rows = connection.execute(
        select(
            *COLUMNS,
            number.label("phone"),
            help_request.c.language,
            help_request.c.artisan_id,
        )
        .where(help_request.c.state.in_(WAITING), number.is_not(None), own_rows)
        .order_by(help_request.c.id)
        .limit(most)
    )
    return [
        WaitingRequest(
            HelpRequest(
                reference=row.reference,
                kind=row.kind,
                topic=row.topic,
                state=row.state,
                asked_at=row.asked_at,
            ),
            phone=Phone(row.phone),
            language=row.language,
            artisan_id=row.artisan_id,
        )
        for row in rows
    ]


def number_was_lost() -> ColumnElement[bool]:
    """Tells of a request if its phone's number has changed hands since: it is not its holder's."""
    columns = ended_tie.c
    return exists().where(
        columns.phone == help_request.c.phone,
        columns.why.in_(LOST_NUMBER),
        columns.ended_at >= help_request.c.asked_at,
    )


# Built once: building it takes longer than running it.
_OF_PHONE = (
    select(*COLUMNS)
    .where(help_request.c.phone == bindparam("phone", type_=Text), ~number_was_lost())
    .order_by(help_request.c.id.desc())
    .limit(SHOWN)
)
