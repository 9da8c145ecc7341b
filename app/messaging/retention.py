"""Forgets what was said once it may not be kept any longer; what it cost stays (domain.md 3)."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_, update

from app.messaging.models import delivery_report, inbound_message, message


def forget_bodies(connection: Connection, oldest: datetime, most: int) -> int:
    """Forgets bodies of messages that ended before `oldest`, reports and texts received before it.

    At most `most` of each kind at once; as many or more in the answer: there may be more.
    """
    return (
        _empty_bodies(connection, oldest, most)
        + _drop(connection, delivery_report, delivery_report.c.received_at < oldest, most)
        + _drop(connection, inbound_message, inbound_message.c.received_at < oldest, most)
    )


def _empty_bodies(connection: Connection, oldest: datetime, most: int) -> int:
    """Two workers at once take different ones; neither waits."""
    old = (
        select(message.c.id)
        .where(message.c.body.is_not(None), message.c.ended_at < oldest)
        .order_by(message.c.ended_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    change = update(message).where(message.c.id.in_(old)).values(body=None)
    return connection.execute(change).rowcount


def _drop(connection: Connection, table: Table, old: ColumnElement[bool], most: int) -> int:
    key = tuple(table.primary_key.columns)
    found = select(*key).where(old).limit(most).with_for_update(skip_locked=True)
    return connection.execute(delete(table).where(tuple_(*key).in_(found))).rowcount
