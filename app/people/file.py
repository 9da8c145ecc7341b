"""Reads what a desk is shown of a person: dues, codes, payments, messages, requests, notes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    or_,
    select,
    union_all,
)

from app.assistance.models import help_request, own_desk
from app.base.clock import local_date
from app.base.money import Money
from app.base.months import Month, Period
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.contributions.rights import RightsState, expected_state
from app.contributions.rules import Quote, is_collected_here
from app.enrolment.queries import Artisan, get_artisan
from app.messaging.models import ended_message, message
from app.payments.dues import quote_dues, unpaid_months
from app.payments.models import contribution_allocation, deposit, payment_code, reversal
from app.payments.queries import get_account
from app.people.models import person_note


@dataclass(frozen=True, slots=True)
class ShownDues:
    """Rights by CNSS's last word, those expected of payments, and what is owed month by month.

    `quote` is None for who pays elsewhere or is not enrolled.
    """

    artisan: Artisan
    expected: RightsState
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A payment code and how it went on; `ended_at` of a live one is when it expires."""

    code: str
    state: str
    total: Money
    period: Period
    issued_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class ShownPayment:
    """A deposit, how many of its months were sent to CNSS and credited, and if it was undone."""

    receipt: str
    code: str
    total: Money
    period: Period
    received_at: datetime
    network: str
    agency: str | None
    channel: str
    months: int
    sent: int
    posted: int
    posted_on: date | None
    reversed_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageFate:
    """A message to a phone and what became of it, without its text."""

    kind: str
    phone: str
    state: str
    created_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    provider: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request for help of a person, with who answers it."""

    reference: str
    kind: str
    topic: str
    state: str
    owner: str | None
    desk: str
    asked_at: datetime
    outcome: str | None


@dataclass(frozen=True, slots=True)
class PersonNote:
    """A remark of the desk about a person, with who wrote it."""

    words: str
    written_by: str
    written_at: datetime


def read_dues(connection: Connection, artisan_id: int, now: datetime) -> ShownDues:
    """Returns a person's rights and dues as of now."""
    person, today = get_artisan(connection, artisan_id), local_date(now)
    account = get_account(connection, artisan_id, now)
    unpaid = unpaid_months(person, account.settled, today)
    enrolled = Month.of(person.enrolled_on) if person.enrolled_on else None
    ever_paid = person.rights_until is not None or bool(account.settled)
    collected = enrolled is not None and is_collected_here(person.category)
    return ShownDues(
        artisan=person,
        expected=expected_state(enrolled, unpaid, ever_paid, today),
        quote=quote_dues(person, account, today) if collected else None,
    )


# A person's rows are found by their index, and are few: every order sorts them alone.
CODE_SORTING = Sorting(
    {
        "state": payment_code.c.state,
        "total": payment_code.c.total_centimes,
        "issued": payment_code.c.issued_at,
    },
    # In place of the code, which stands in no address.
    func.hashtextextended(payment_code.c.code, 0, type_=BigInteger),
    "-issued",
)
PAYMENT_SORTING = Sorting(
    {
        "receipt": deposit.c.receipt_number,
        "total": deposit.c.total_centimes,
        "received": deposit.c.received_at,
    },
    deposit.c.receipt_number,
    "-received",
)
_FATES = union_all(
    *(
        select(*(table.c[name] for name in ("id", *MessageFate.__slots__)))
        for table in (message, ended_message)
    )
).subquery("fate")
FATE_SORTING = Sorting(
    {"made": _FATES.c.created_at, "state": _FATES.c.state},
    _FATES.c.id,
    "-made",
)
OWN_REQUEST_SORTING = Sorting(
    {"asked": help_request.c.asked_at, "desk": own_desk, "state": help_request.c.state},
    help_request.c.id,
    "-asked",
)
NOTE_SORTING = Sorting({"written": person_note.c.written_at}, person_note.c.id, "-written")


def list_codes(connection: Connection, artisan_id: int, asked: RowsAsked) -> PageOfRows[ShownCode]:
    """Lists those of a person's codes that are asked for."""
    columns = payment_code.c
    statement = select(
        columns.code,
        columns.state,
        columns.total_centimes,
        columns.first_period,
        columns.last_period,
        columns.issued_at,
        func.coalesce(columns.ended_at, columns.expires_at).label("ended_at"),
    ).where(columns.artisan_id == artisan_id)
    return read_page(connection, statement, CODE_SORTING, asked, _read_code)


def list_payments(
    connection: Connection, artisan_id: int, asked: RowsAsked
) -> PageOfRows[ShownPayment]:
    """Lists those of a person's payments that are asked for, with where each is."""
    statement = _select_payments().where(deposit.c.artisan_id == artisan_id)
    return read_page(connection, statement, PAYMENT_SORTING, asked, _read_payment)


def find_payment(connection: Connection, artisan_id: int, receipt: str) -> ShownPayment | None:
    """Returns a person's payment by its receipt; None if there is none."""
    columns = deposit.c
    own = columns.artisan_id == artisan_id, columns.receipt_number == receipt
    row = connection.execute(_select_payments().where(*own)).one_or_none()
    return _read_payment(row) if row else None


def _read_code(row: Row[Any]) -> ShownCode:
    return ShownCode(
        code=row.code,
        state=row.state,
        total=Money(row.total_centimes),
        period=Period(Month.of(row.first_period), Month.of(row.last_period)),
        issued_at=row.issued_at,
        ended_at=row.ended_at,
    )


def _select_payments() -> Select[Any]:
    columns, settled = deposit.c, contribution_allocation.c
    of_receipt = settled.receipt_number == columns.receipt_number
    states = (
        select(
            func.count().label("months"),
            func.count(settled.sent_at).label("sent"),
            func.count(settled.posted_on).label("posted"),
            func.max(settled.posted_on).label("posted_on"),
        )
        .where(of_receipt)
        .lateral()
    )
    return (
        select(
            columns.receipt_number,
            columns.code,
            columns.total_centimes,
            payment_code.c.first_period,
            payment_code.c.last_period,
            columns.received_at,
            columns.network,
            columns.agency_code,
            columns.channel,
            states.c.months,
            states.c.sent,
            states.c.posted,
            states.c.posted_on,
            reversal.c.reversed_at,
        )
        .join(payment_code, payment_code.c.code == columns.code)
        .outerjoin(reversal, reversal.c.receipt_number == columns.receipt_number)
        .join(states, columns.receipt_number.is_not(None))
    )


def _read_payment(row: Row[Any]) -> ShownPayment:
    return ShownPayment(
        receipt=row.receipt_number,
        code=row.code,
        total=Money(row.total_centimes),
        period=Period(Month.of(row.first_period), Month.of(row.last_period)),
        received_at=row.received_at,
        network=row.network,
        agency=row.agency_code,
        channel=row.channel,
        months=row.months,
        sent=row.sent,
        posted=row.posted,
        posted_on=row.posted_on,
        reversed_at=row.reversed_at,
    )


def list_fates(
    connection: Connection, phones: Collection[str], asked: RowsAsked
) -> PageOfRows[MessageFate]:
    """Lists those messages to these phones (E.164) that are asked for."""
    fields = (_FATES.c[name] for name in MessageFate.__slots__)
    statement = select(*fields).where(_FATES.c.phone.in_(phones))
    return read_page(
        connection, statement, FATE_SORTING, asked, lambda row: read_row(MessageFate, row)
    )


def list_requests_of(
    connection: Connection,
    own: ColumnElement[bool],
    artisan_id: int,
    phones: Collection[str],
    asked: RowsAsked,
) -> PageOfRows[ShownRequest]:
    """Lists those of one's own requests of a person, or of these phones, that are asked for."""
    columns = help_request.c
    statement = select(
        columns.reference,
        columns.kind,
        columns.topic,
        columns.state,
        columns.owner,
        own_desk.label("desk"),
        columns.asked_at,
        columns.outcome,
    ).where(
        own,
        or_(
            columns.artisan_id == artisan_id,
            (columns.artisan_id.is_(None)) & columns.phone.in_(phones),
        ),
    )
    return read_page(
        connection, statement, OWN_REQUEST_SORTING, asked, lambda row: read_row(ShownRequest, row)
    )


def list_notes(connection: Connection, artisan_id: int, asked: RowsAsked) -> PageOfRows[PersonNote]:
    """Lists those notes about a person that are asked for."""
    columns = person_note.c
    statement = select(columns.words, columns.written_by, columns.written_at).where(
        columns.artisan_id == artisan_id
    )
    return read_page(
        connection, statement, NOTE_SORTING, asked, lambda row: read_row(PersonNote, row)
    )
