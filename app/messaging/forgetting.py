"""Forgets the phones of a person who asked for it; what messages cost and how they went stays."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Table, Text, cast, delete, literal, select, update

from app.audit.service import record_audit
from app.base.operation import Operation
from app.messaging.models import (
    delivery_report,
    ended_event,
    ended_message,
    inbound_message,
    message,
    phone_preference,
)

FORGOTTEN = "forgotten"


def forget_phones(operation: Operation, phones: Collection[str]) -> None:
    """Takes text and phone from messages that have ended, and deletes what the phones sent.

    A STOP stays: nobody asked to be written to again. A consent stays as the proof of it.
    """
    connection = operation.connection
    _take_phones(connection, message, phones, body=None)
    _take_phones(connection, ended_message, phones)
    connection.execute(
        update(delivery_report).where(delivery_report.c.phone.in_(phones)).values(phone=None)
    )
    connection.execute(delete(inbound_message).where(inbound_message.c.phone.in_(phones)))
    connection.execute(
        delete(phone_preference).where(
            phone_preference.c.phone.in_(phones), phone_preference.c.reminders
        )
    )
    record_audit(operation, "phones_forgotten", "messages", phones=len(phones))


def _take_phones(
    connection: Connection, table: Table, phones: Collection[str], **gone: None
) -> None:
    columns = table.c
    own = columns.phone.in_(phones) & columns.ended_at.is_not(None)
    # An event names the phone that was told.
    events = select(columns.event_key).where(own)
    connection.execute(delete(ended_event).where(ended_event.c.event_key.in_(events)))
    event = literal(f"{FORGOTTEN}:") + cast(columns.id, Text)
    connection.execute(update(table).where(own).values(**gone, phone=FORGOTTEN, event_key=event))
