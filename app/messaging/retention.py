"""Deletes texts that may be kept no longer; costs stay (docs/rules.md, Personal data)."""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Table,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)

from app.base.operation import Operation
from app.messaging.models import delivery_report, inbound_message, message


def forget_bodies(operation: Operation, oldest: datetime, most: int) -> int:
    """Forgets the texts of messages that ended, reports, and texts received, before `oldest`.

    Emptied messages move to those of their month; receipts that did not arrive stay. At most `most`
    of each kind at once. Returns how many: as many or more means that more is left. A message is
    counted twice: it is emptied in one transaction, and moves in another.
    """
    connection = operation.connection
    moved = select(func.move_ended_messages(oldest, most, type_=Integer))
    return (
        connection.execute(moved).scalar_one()
        + _empty_bodies(connection, oldest, most)
        + _delete_rows(connection, delivery_report, delivery_report.c.received_at < oldest, most)
        + _delete_rows(connection, inbound_message, inbound_message.c.received_at < oldest, most)
    )


# As in move_ended_messages: a phone's next dial shows them.
_UNDELIVERED = text("kind = 'receipt' AND state = 'failed' AND made_up_at IS NULL")


def _empty_bodies(connection: Connection, oldest: datetime, most: int) -> int:
    """Two workers at once take different messages; neither waits.

    Locked in a CTE, which is read once: a subquery may be read anew for each row, and lock more.
    """
    old = (
        select(message.c.id)
        .where(_UNDELIVERED, message.c.body.is_not(None), message.c.ended_at < oldest)
        .order_by(message.c.ended_at)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    change = update(message).where(message.c.id.in_(select(old))).values(body=None)
    return connection.execute(change).rowcount


def _delete_rows(connection: Connection, table: Table, old: ColumnElement[bool], most: int) -> int:
    key = tuple(table.primary_key.columns)
    rows = select(*key).where(old).limit(most).with_for_update(skip_locked=True).cte("old")
    return connection.execute(delete(table).where(tuple_(*key).in_(select(rows)))).rowcount
