"""Reads what a desk is shown of a person: dues, codes, payments, messages, requests, notes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, func, or_, select

from app.assistance.models import help_request
from app.base.clock import local_date
from app.base.money import Money
from app.base.months import Month, Period
from app.base.rows import read_row
from app.contributions.rights import RightsState, expected_state
from app.contributions.rules import Quote, is_collected_here
from app.enrolment.queries import Artisan, get_artisan
from app.messaging.models import message
from app.payments.dues import quote_dues, unpaid_months
from app.payments.models import contribution_allocation, deposit, payment_code, reversal
from app.payments.queries import get_account
from app.people.models import person_note

MOST_SHOWN = 12


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


def list_codes(connection: Connection, artisan_id: int) -> list[ShownCode]:
    """Lists a person's newest codes, newest first."""
    columns = payment_code.c
    rows = connection.execute(
        select(
            columns.code,
            columns.state,
            columns.total_centimes,
            columns.first_period,
            columns.last_period,
            columns.issued_at,
            func.coalesce(columns.ended_at, columns.expires_at).label("ended_at"),
        )
        .where(columns.artisan_id == artisan_id)
        .order_by(columns.issued_at.desc())
        .limit(MOST_SHOWN)
    )
    return [
        ShownCode(
            code=row.code,
            state=row.state,
            total=Money(row.total_centimes),
            period=Period(Month.of(row.first_period), Month.of(row.last_period)),
            issued_at=row.issued_at,
            ended_at=row.ended_at,
        )
        for row in rows
    ]


def list_payments(connection: Connection, artisan_id: int) -> list[ShownPayment]:
    """Lists a person's newest payments, newest first, with where each is."""
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
    rows = connection.execute(
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
        .where(columns.artisan_id == artisan_id)
        .order_by(columns.received_at.desc())
        .limit(MOST_SHOWN)
    )
    return [
        ShownPayment(
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
        for row in rows
    ]


def list_fates(connection: Connection, phones: Collection[str]) -> list[MessageFate]:
    """Lists the newest messages to these phones (E.164), newest first."""
    columns = message.c
    fields = (columns[name] for name in MessageFate.__slots__)
    rows = connection.execute(
        select(*fields)
        .where(columns.phone.in_(phones))
        .order_by(columns.id.desc())
        .limit(MOST_SHOWN)
    )
    return [read_row(MessageFate, row) for row in rows]


def list_requests_of(
    connection: Connection, own: ColumnElement[bool], artisan_id: int, phones: Collection[str]
) -> list[ShownRequest]:
    """Lists the newest of one's own requests of a person, or of these phones, newest first."""
    columns = help_request.c
    rows = connection.execute(
        select(
            columns.reference,
            columns.kind,
            columns.topic,
            columns.state,
            columns.owner,
            func.coalesce(columns.desk, columns.kind).label("desk"),
            columns.asked_at,
            columns.outcome,
        )
        .where(
            own,
            or_(
                columns.artisan_id == artisan_id,
                (columns.artisan_id.is_(None)) & columns.phone.in_(phones),
            ),
        )
        .order_by(columns.id.desc())
        .limit(MOST_SHOWN)
    )
    return [read_row(ShownRequest, row) for row in rows]


def list_notes(connection: Connection, artisan_id: int) -> list[PersonNote]:
    """Lists the newest notes about a person, newest first."""
    columns = person_note.c
    rows = connection.execute(
        select(columns.words, columns.written_by, columns.written_at)
        .where(columns.artisan_id == artisan_id)
        .order_by(columns.id.desc())
        .limit(MOST_SHOWN)
    )
    return [read_row(PersonNote, row) for row in rows]
