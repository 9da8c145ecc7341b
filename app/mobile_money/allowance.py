"""Bounds a client's look-ups of a day: the bills they make, and the numbers that are nobody's.

A day begins at midnight in Morocco. The counts stand in the database, so that all processes count
together. Every function works in its caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil

import structlog
from sqlalchemy import BigInteger, Connection, bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.agents.clients import BILLS_A_DAY, Client
from app.agents.models import api_client
from app.audit.service import record_audit
from app.base.clock import local_date, local_midnight
from app.base.operation import Operation
from app.mobile_money.errors import Refused, refuse_for_now
from app.mobile_money.models import api_bill, api_bill_day
from app.observe import metrics

_log = structlog.get_logger("api")


@dataclass(frozen=True, slots=True)
class BillDay:
    """A client's day: its bills not paid, as last counted, of those it may make, and its misses."""

    client_id: str
    bills: int
    bills_a_day: int
    unknown: int


def lock_bill_day(operation: Operation, client: Client) -> None:
    """Locks the client's day until the transaction ends.

    Look-ups of one client that may make a bill wait here for each other, so that however many come
    at once the allowance holds. It is locked before any artisan, so that none wait in a ring.
    """
    params = {"client": client.id, "on": local_date(operation.now)}
    operation.connection.execute(_BEGIN_DAY, params)
    operation.connection.execute(_LOCK_DAY, params)


def take_bill(operation: Operation, client: Client) -> bool:
    """Takes one bill of the client's locked day. Returns False if its allowance is used up.

    Bills that were paid give their place back.
    """
    connection, now = operation.connection, operation.now
    params = {"client": client.id, "on": local_date(now)}
    day = connection.execute(_LOCK_DAY, params).one()
    unpaid, half = day.unpaid_bills, ceil(client.bills_a_day / 2)
    if unpaid >= client.bills_a_day or (unpaid + 1 >= half and day.half_used_at is None):
        unpaid = _count_unpaid(connection, client, now)
    if unpaid >= client.bills_a_day:
        _log.warning("bills_used_up", client=client.id, allowed=client.bills_a_day)
        return False
    alarmed = unpaid + 1 >= half and day.half_used_at is None
    changes = {"unpaid_bills": unpaid + 1} | ({"half_used_at": now} if alarmed else {})
    connection.execute(_CHANGE_DAY.values(**changes), params)
    if alarmed:
        _alarm(operation, client, unpaid + 1)
    return True


def record_bill(operation: Operation, client: Client, code: str) -> None:
    """Records that the client's look-up made the bill `code`, for which `take_bill` was called."""
    values = {"code": code, "client_id": client.id, "made_at": operation.now}
    operation.connection.execute(insert(api_bill).values(**values))
    metrics.api_bills.labels(client.id).inc()


def count_unknown(operation: Operation, client: Client) -> None:
    """Counts a look-up of a number that is nobody's; at half of the day's share it is an alarm.

    Raises: Refused once the client had its day's share of them.
    """
    params = {"client": client.id, "on": local_date(operation.now)}
    unknown = operation.connection.execute(_COUNT_UNKNOWN, params).scalar_one()
    most = most_unknown(client)
    if unknown > most:
        raise refuse_unknown(operation.now)
    if unknown == ceil(most / 2):
        amounts = {"look_ups": unknown, "most": most}
        record_audit(operation, "client_unknown_half_used", f"client:{client.id}", **amounts)
        _log.warning("unknown_half_used", client=client.id, look_ups=unknown, most=most)


def is_out_of_unknown(connection: Connection, client: Client, now: datetime) -> bool:
    """True if the client had its day's share of look-ups of numbers that are nobody's."""
    columns = api_bill_day.c
    unknown = connection.execute(
        select(columns.unknown_look_ups).where(
            columns.client_id == client.id, columns.day == local_date(now)
        )
    ).scalar()
    return (unknown or 0) >= most_unknown(client)


def most_unknown(client: Client) -> int:
    """Returns the most look-ups of a day that may miss: as many as bills may be made."""
    return client.bills_a_day or BILLS_A_DAY


def refuse_bill(now: datetime) -> Refused:
    """Returns the refusal to make one more bill today."""
    words = "too many bills were made today that nobody paid: live ones are listed"
    return refuse_for_now(words, seconds_of_day_left(now))


def refuse_unknown(now: datetime) -> Refused:
    """Returns the refusal of one more look-up today that finds nothing."""
    words = "too many look-ups today of numbers that are nobody's: live bills are listed"
    return refuse_for_now(words, seconds_of_day_left(now))


def seconds_of_day_left(now: datetime) -> int:
    """Returns the seconds until the next midnight in Morocco, one at least."""
    tomorrow = local_midnight(local_date(now) + timedelta(days=1))
    return max(1, ceil((tomorrow - now).total_seconds()))


def list_bill_days(connection: Connection, day: date) -> Iterable[BillDay]:
    """Returns the day of each client that looked something up which makes a bill or misses."""
    columns = api_bill_day.c
    rows = connection.execute(
        select(
            columns.client_id,
            columns.unpaid_bills,
            api_client.c.bills_a_day,
            columns.unknown_look_ups,
        )
        .join(api_client, api_client.c.id == columns.client_id)
        .where(columns.day == day)
        .order_by(columns.client_id)
    )
    return [
        BillDay(row.client_id, row.unpaid_bills, row.bills_a_day, row.unknown_look_ups)
        for row in rows
    ]


def _count_unpaid(connection: Connection, client: Client, now: datetime) -> int:
    """Counts the client's bills of the day that were not paid; those paid since leave the index."""
    params = {"client": client.id, "since": local_midnight(local_date(now))}
    connection.execute(_MARK_PAID, params)
    return int(connection.execute(_UNPAID, params).scalar_one())


def _alarm(operation: Operation, client: Client, bills: int) -> None:
    """Says once a day that half of the client's allowance is used: audit, log and metric."""
    amounts = {"bills": bills, "bills_a_day": client.bills_a_day}
    record_audit(operation, "client_allowance_half_used", f"client:{client.id}", **amounts)
    _log.warning("bills_half_used", client=client.id, bills=bills, allowed=client.bills_a_day)
    metrics.api_bill_alarms.labels(client.id).inc()


# Built once: building them takes longer than running them.
_THIS_DAY = (
    api_bill_day.c.client_id == bindparam("client"),
    api_bill_day.c.day == bindparam("on"),
)
_NEW_DAY = upsert(api_bill_day).values(client_id=bindparam("client"), day=bindparam("on"))
_BEGIN_DAY = _NEW_DAY.on_conflict_do_nothing()
_LOCK_DAY = (
    select(api_bill_day.c.unpaid_bills, api_bill_day.c.half_used_at)
    .where(*_THIS_DAY)
    .with_for_update()
)
_CHANGE_DAY = update(api_bill_day).where(*_THIS_DAY)
_COUNT_UNKNOWN = (
    upsert(api_bill_day)
    .values(client_id=bindparam("client"), day=bindparam("on"), unknown_look_ups=1)
    .on_conflict_do_update(
        index_elements=["client_id", "day"],
        set_={"unknown_look_ups": api_bill_day.c.unknown_look_ups + 1},
    )
    .returning(api_bill_day.c.unknown_look_ups)
)
_UNPAID = (
    select(func.count().cast(BigInteger))
    .select_from(api_bill)
    .where(
        api_bill.c.client_id == bindparam("client"),
        api_bill.c.made_at >= bindparam("since"),
        text("NOT was_paid"),
    )
)
_MARK_PAID = text("""
    UPDATE api_bill b SET was_paid = true FROM payment_code c
    WHERE b.client_id = :client AND b.made_at >= :since AND NOT b.was_paid
        AND c.code = b.code AND c.state IN ('paid', 'reversed')
""")
