"""Writes messages into the outbox, in the transaction of what they tell of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import name_phone, record_audit
from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.kinds import get_kind
from app.messaging.models import ANSWER, phone_preference
from app.services import Services
from app.text.encoding import measure

# Inserts messages as a part of a larger statement; `queue_values` has its parameters. As JSON they
# take the driver half of what an array for each column does.
QUEUE_FRAGMENT = """
    INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
        priority, useful_until, created_at, due_at)
    SELECT each.*, CAST(:queued_at AS timestamptz), CAST(:queued_at AS timestamptz)
    FROM json_to_recordset(CAST(:queued AS json)) AS each (event_key text, kind text, phone text,
        language text, body text, encoding text, units smallint, segments smallint,
        priority smallint, useful_until timestamptz)
    ON CONFLICT (event_key) DO NOTHING RETURNING id, event_key
"""
_QUEUE = text(QUEUE_FRAGMENT)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message to one phone: a declared kind (kinds), and the values of its words.

    The same `kind` and `event` are one message, however often it is queued. CAMPAIGN messages wait
    behind all others, and none is sent past `useful_until`.
    """

    kind: str
    event: str
    phone: Phone
    language: str
    values: Mapping[str, object]
    priority: int = ANSWER
    useful_until: datetime | None = None


def queue_message(
    operation: Operation, services: Services, outbound: OutboundMessage
) -> int | None:
    """Queues a message once for each event, in the operation's transaction.

    Returns its id, or None if it was queued before.
    Raises: ValueError for a kind that is not declared, or that lacks a value.
    """
    (queued,) = queue_messages(operation, services, [outbound])
    return queued.id


def queue_messages(
    operation: Operation, services: Services, outbounds: Sequence[OutboundMessage]
) -> list[QueuedMessage]:
    """Queues many messages, each once for each event, by one statement. Returns them in order.

    Raises: ValueError as `queue_message`.
    """
    written = [write_message(services, outbound) for outbound in outbounds]
    keys = [_name_event(outbound) for outbound in outbounds]
    rows = operation.connection.execute(_QUEUE, queue_values(operation, outbounds, written))
    ids = {row.event_key: row.id for row in rows}
    return [
        QueuedMessage(ids.get(key), one.segments) for key, one in zip(keys, written, strict=True)
    ]


def queue_values(
    operation: Operation,
    outbounds: Sequence[OutboundMessage],
    written: Sequence[WrittenMessage],
) -> dict[str, object]:
    """Returns the parameters of `QUEUE_FRAGMENT` for messages and what was written of each."""
    messages = [
        {
            "event_key": _name_event(outbound),
            "kind": outbound.kind,
            "phone": outbound.phone.e164,
            "language": one.language,
            "body": one.body,
            "encoding": one.encoding,
            "units": one.units,
            "segments": one.segments,
            "priority": outbound.priority,
            "useful_until": outbound.useful_until and outbound.useful_until.isoformat(),
        }
        for outbound, one in zip(outbounds, written, strict=True)
    ]
    # As they are: not every server can make letters of escapes.
    return {"queued": json.dumps(messages, ensure_ascii=False), "queued_at": operation.now}


def _name_event(outbound: OutboundMessage) -> str:
    return f"{outbound.kind}:{outbound.event}"


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message's number, None if it was queued before, and its segments."""

    id: int | None
    segments: int


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message's words in its phone's language, and what they cost to send."""

    language: str
    body: str
    encoding: str
    units: int
    segments: int


def write_message(services: Services, outbound: OutboundMessage) -> WrittenMessage:
    """Returns a message as the outbox keeps it. Raises: ValueError as `queue_message`."""
    kind = get_kind(outbound.kind, outbound.values.keys())
    language = services.words.language_or_default(outbound.language)
    body = services.words.say(language, kind.key, outbound.values)
    return WrittenMessage(language, body, *measure(body))


def set_reminders(
    operation: Operation, phone: Phone, wanted: bool, *, changed_by: str = "ussd"
) -> bool:
    """Records if a phone gets reminders; receipts and answers always go.

    `changed_by` is where the wish was heard: `ussd`, `sms` or a provider's name. Returns False if
    the phone wished the same before: its row stays, with the first source and moment.
    """
    columns = phone_preference.c
    statement = insert(phone_preference).values(
        phone=phone.e164, reminders=wanted, changed_at=operation.now, changed_by=changed_by
    )
    new = statement.excluded
    changed = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["phone"],
            set_={
                "reminders": new.reminders,
                "changed_at": new.changed_at,
                "changed_by": new.changed_by,
            },
            where=columns.reminders != new.reminders,
        ).returning(columns.phone)
    )
    if changed.scalar() is None:
        return False
    said = {"wanted": wanted, "heard_by": changed_by}
    record_audit(operation, "reminders_set", name_phone(phone), **said)
    return True
