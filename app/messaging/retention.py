"""Deletes texts that may be kept no longer; costs stay (docs/rules.md, Personal data)."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_, update

from app.base.operation import Operation
from app.messaging.models import delivery_report, inbound_message, message


def forget_bodies(operation: Operation, oldest: datetime, most: int) -> int:
    """Empties bodies of messages that ended, deletes reports and texts received, before `oldest`.

    At most `most` of each kind at once. Returns how many: as many or more means that more is left.
    """
    connection = operation.connection
    return (
        _empty_bodies(connection, oldest, most)
        + _delete_rows(connection, delivery_report, delivery_report.c.received_at < oldest, most)
        + _delete_rows(connection, inbound_message, inbound_message.c.received_at < oldest, most)
    )


def _empty_bodies(connection: Connection, oldest: datetime, most: int) -> int:
    """Two workers at once take different messages; neither waits.

    Locked in a CTE, which is read once: a subquery may be read anew for each row, and lock more.
    """
    old = (
        select(message.c.id)
        .where(message.c.body.is_not(None), message.c.ended_at < oldest)
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
