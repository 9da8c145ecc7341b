"""Reads the desks' queue of requests: who waits, how long, whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from app.assistance.models import help_request, is_waiting, own_desk, own_owner
from app.assistance.queries import number_was_lost
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.phone import Phone
from app.base.rows import read_row
from app.enrolment.models import artisan


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """The part of the queue that is asked for; None leaves it out.

    `asked_before` is the moment before which a request is past the promise.
    """

    desk: str | None = None
    language: str | None = None
    asked_before: datetime | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A request of the queue, without the phone: that is shown with the request alone."""

    id: int
    reference: str
    kind: str
    topic: str
    desk: str
    language: str
    state: str
    owner: str | None
    artisan_id: int | None
    asked_at: datetime
    changed_at: datetime
    called_at: datetime | None
    outcome: str | None


_COLUMNS = tuple(
    own_desk.label("desk") if name == "desk" else help_request.c[name]
    for name in QueuedRequest.__slots__
)


QUEUE_SORTING = Sorting(
    {
        "asked": help_request.c.asked_at,
        "desk": own_desk,
        "language": help_request.c.language,
        "owner": own_owner,
    },
    help_request.c.id,
    "asked",
)


def list_queue(
    connection: Connection, own: ColumnElement[bool], wanted: QueueFilter, asked: RowsAsked
) -> PageOfRows[QueuedRequest]:
    """Lists requests that wait, among one's own."""
    statement = _narrow(select(*_COLUMNS).where(own), wanted)
    return read_page(
        connection, statement, QUEUE_SORTING, asked, lambda row: read_row(QueuedRequest, row)
    )


def find_queued(
    connection: Connection, own: ColumnElement[bool], wanted: QueueFilter, most: int
) -> list[int]:
    """Returns the numbers of requests that wait, among one's own, `most` at most."""
    some = _narrow(select(help_request.c.id).where(own), wanted).limit(most)
    return list(connection.execute(some).scalars())


def find_request(
    connection: Connection, own: ColumnElement[bool], reference: str
) -> QueuedRequest | None:
    """Returns the request of a reference, among one's own, waiting or over."""
    named = select(*_COLUMNS).where(help_request.c.reference == reference, own)
    row = connection.execute(named).one_or_none()
    return read_row(QueuedRequest, row) if row else None


def find_number_to_call(connection: Connection, request_id: int) -> Phone | None:
    """Returns the phone to call for a request; of a number that changed hands, the person's own."""
    columns = help_request.c
    row = connection.execute(
        select(columns.phone, number_was_lost().label("lost"), artisan.c.phone.label("own"))
        .outerjoin(artisan, artisan.c.id == columns.artisan_id)
        .where(columns.id == request_id)
    ).one()
    number = row.own if row.lost or row.phone is None else row.phone
    return Phone(number) if number else None


def _narrow(statement: Select[Any], wanted: QueueFilter) -> Select[Any]:
    columns = help_request.c
    narrowed = statement.where(is_waiting)
    if wanted.desk:
        narrowed = narrowed.where(own_desk == wanted.desk)
    if wanted.language:
        narrowed = narrowed.where(columns.language == wanted.language)
    if wanted.asked_before:
        narrowed = narrowed.where(columns.asked_at < wanted.asked_before)
    if wanted.owner:
        narrowed = narrowed.where(columns.owner == wanted.owner)
    return narrowed
