"""The work list of a chamber: members who lost cover or are about to, and agreed to be called.

No list of names leaves: a row has none, and who takes one sees that person alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    exists,
    func,
    insert,
    or_,
    select,
    true,
)

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.base.months import Month
from app.base.operation import Operation
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.contributions.rates import RATES
from app.enrolment.models import artisan
from app.messaging.models import consent
from app.payments.models import contribution_allocation
from app.people.models import CALL_OUTCOMES, member_call

CALLS = "calls"
PAGE = 20
# Cover that ends so soon is about to be lost.
SOON = timedelta(days=31)
_LONGEST_WAIT = timedelta(days=120)
# After these nobody calls again, until the person agrees anew.
_OVER = ("refuses", "wrong_number")


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A row of the work list: no name, no number."""

    id: int
    trade: str | None
    province: str | None
    language: str
    rights_until: date
    outcome: str | None
    called_on: date | None
    next_call_on: date | None


@dataclass(frozen=True, slots=True)
class CallEntry:
    """The outcome of a call, and the day of the next one, if there is to be one."""

    outcome: str
    next_call_on: date | None


# The cover that was lost last, or that is about to be, is the one that a call saves.
MEMBER_SORTING = Sorting({"until": artisan.c.rights_until}, artisan.c.id, "-until")


def list_members(
    connection: Connection, region: str | None, today: date, asked: RowsAsked
) -> PageOfRows[ListedMember]:
    """Lists those members of a region, or of all, to be called by today that are asked for."""
    columns, last = artisan.c, _last_call().lateral("last")
    statement = (
        select(
            columns.id,
            columns.trade,
            columns.province,
            columns.language,
            columns.rights_until,
            last.c.outcome,
            last.c.called_at,
            last.c.next_call_on,
        )
        .outerjoin(last, columns.id.is_not(None))
        .where(
            _is_member_to_call(region, today),
            or_(
                last.c.outcome.is_(None),
                last.c.outcome.not_in(_OVER)
                & (func.coalesce(last.c.next_call_on, today - timedelta(days=1)) <= today)
                & ((last.c.outcome != "called") | last.c.next_call_on.is_not(None)),
                _agreed_since(last.c.called_at),
            ),
        )
    )
    return read_page(connection, statement, MEMBER_SORTING, asked, _read_member)


def _read_member(row: Row[Any]) -> ListedMember:
    return ListedMember(
        id=row.id,
        trade=row.trade,
        province=row.province,
        language=row.language,
        rights_until=row.rights_until,
        outcome=row.outcome,
        called_on=row.called_at and local_date(row.called_at),
        next_call_on=row.next_call_on,
    )


def may_be_called(connection: Connection, artisan_id: int, region: str | None, today: date) -> bool:
    """True if the person stands on the region's work list, called lately or not."""
    own = select(artisan.c.id).where(artisan.c.id == artisan_id, _is_member_to_call(region, today))
    return connection.execute(own).scalar() is not None


def record_call(operation: Operation, artisan_id: int, entry: CallEntry, today: date) -> None:
    """Keeps the outcome of a call.

    Raises: InvalidInput for no outcome, or a next call before tomorrow or months away.
    """
    if entry.outcome not in CALL_OUTCOMES:
        raise InvalidInput(what="outcome", why=f"none of {', '.join(CALL_OUTCOMES)}")
    again = entry.next_call_on
    if again and not today < again <= today + _LONGEST_WAIT:
        raise InvalidInput(what="next call", why="tomorrow to four months from now")
    if again and entry.outcome in _OVER:
        raise InvalidInput(what="next call", why=f"none after {entry.outcome}")
    operation.connection.execute(
        insert(member_call).values(
            artisan_id=artisan_id,
            called_by=operation.actor,
            called_at=operation.now,
            outcome=entry.outcome,
            next_call_on=again,
        )
    )
    record_audit(operation, "member_called", f"artisan:{artisan_id}", outcome=entry.outcome)


def _is_member_to_call(region: str | None, today: date) -> ColumnElement[bool]:
    """Selects who lost cover or is about to, did not pay this month, and agreed to be called."""
    columns, settled = artisan.c, contribution_allocation.c
    paid_now = exists().where(
        settled.artisan_id == columns.id, settled.period >= Month.of(today).first_day
    )
    newest = (
        select(consent.c.given)
        .where(consent.c.phone == columns.phone, consent.c.subject == CALLS)
        .order_by(consent.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    # The few who agreed once are looked through, not the register.
    agreed = select(consent.c.phone).where(consent.c.subject == CALLS, consent.c.given)
    return (
        columns.phone.in_(agreed)
        & (true() if region is None else columns.region == region)
        & columns.enrolled_on.is_not(None)
        & columns.category.in_(RATES.collected_here)
        & (columns.rights_until < today + SOON)
        & ~paid_now
        & newest.is_(True)
    )


def _last_call() -> Select[str, datetime, date | None]:
    columns = member_call.c
    return (
        select(columns.outcome, columns.called_at, columns.next_call_on)
        .where(columns.artisan_id == artisan.c.id)
        .order_by(columns.id.desc())
        .limit(1)
    )


def _agreed_since(moment: ColumnElement[object]) -> ColumnElement[bool]:
    return exists().where(
        consent.c.phone == artisan.c.phone,
        consent.c.subject == CALLS,
        consent.c.given,
        consent.c.recorded_at > moment,
    )
